"""The calculator: its size and its counts are PyTorch's; its sliders answer; with either ipywidgets."""

import itertools
from io import BytesIO

import pytest
import torch
from PIL import Image
from torch import nn

from ganlib.course import checkerboard
from ganlib.course.checkerboard import CheckerboardCalculator, TransposedConvolution, checkerboard_figure
from ganlib.errors import GanlibError

ALL = list(itertools.product((1, 2, 5, 8), range(1, 9), range(1, 5), range(4)))


def by_torch(size, kernel, stride, padding):
    ones, weights = torch.ones(1, 1, size, size), torch.ones(1, 1, kernel, kernel)
    return nn.functional.conv_transpose2d(ones, weights, stride=stride, padding=padding)[0, 0]


@pytest.mark.parametrize("kernel", range(1, 9))
def test_sizes_and_counts_are_those_of_pytorch(kernel):
    for numbers in (each for each in ALL if each[1] == kernel):
        layer = TransposedConvolution(*numbers)
        if layer.uncut_size - 2 * layer.padding < 1:
            assert layer.output_size == 0
            assert layer.overlap_counts().shape == (0, 0)
            assert "cuts everything away" in layer.describe()
            continue
        theirs = by_torch(*numbers)
        assert theirs.shape == (layer.output_size, layer.output_size)
        assert torch.equal(layer.overlap_counts(), theirs.long())


def test_inner_counts_are_those_in_the_middle_of_a_large_map():
    for kernel, stride in itertools.product(range(1, 9), range(1, 5)):
        middle = by_torch(20, kernel, stride, 0)[kernel:-kernel, kernel:-kernel]
        assert TransposedConvolution(4, kernel, stride, 0).inner_counts() == sorted(
            set(middle.long().flatten().tolist())
        )
        assert (len(TransposedConvolution(4, kernel, stride, 0).inner_counts()) == 1) == (
            kernel % stride == 0
        )


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((7, 4, 2, 1), ["(7 - 1) x 2 - 2 x 1 + 4 = 14. ", "covered 4 x: even"]),
        ((4, 3, 2, 1), ["= 7. ", "1 or 2 or 4 x: a checkerboard"]),
        ((4, 2, 3, 0), ["= 11. ", "0 or 1 x: gaps"]),
        ((4, 2, 2, 0), ["= 8. ", "covered 1 x: even"]),
        ((1, 4, 1, 0), ["= 4. ", "covered 16 x: even"]),
        ((3, 3, 1, 1), ["= 3. ", "covered 9 x"]),
        ((1, 2, 1, 1), ["is less than 1"]),
    ],
)
def test_it_describes_what_comes_of_it(numbers, words):
    for part in words:
        assert part in TransposedConvolution(*numbers).describe()


@pytest.mark.parametrize(("name", "value"), [("size", 0), ("kernel", 0), ("stride", 0), ("padding", -1)])
def test_what_is_too_small_is_refused(name, value):
    with pytest.raises(GanlibError, match=f"{name} of a transposed convolution is at least"):
        TransposedConvolution(**{name: value})
    with pytest.raises(GanlibError, match=name):
        CheckerboardCalculator(**{name: value})


def test_the_picture_shows_every_case_and_says_what_it_shows():
    for numbers in ((4, 4, 2, 1), (8, 8, 4, 0), (1, 2, 1, 1), (4, 2, 3, 0)):
        figure = checkerboard_figure(TransposedConvolution(*numbers))
        assert figure.image().size == (900, 360)
        assert TransposedConvolution(*numbers).describe() in figure.alt


@pytest.fixture
def calculator():
    return CheckerboardCalculator()


@pytest.mark.parametrize(("name", "value"), [("size", 7), ("kernel", 3), ("stride", 3), ("padding", 0)])
def test_a_slider_changes_the_text_and_the_picture(calculator, name, value):
    before = calculator._image.value
    calculator._sliders[name].value = value
    assert calculator.layer == TransposedConvolution(**{name: value})
    assert calculator.layer.describe() in calculator._line.value
    assert Image.open(BytesIO(before)).size == Image.open(BytesIO(calculator._image.value)).size
    assert calculator._image.value != before
    assert repr(calculator) == calculator.layer.describe()


def test_sliders_go_no_further_than_their_limits(calculator):
    assert {
        name: (slider.min, slider.max) for name, slider in calculator._sliders.items()
    } == checkerboard._LIMITS
    assert [slider.description for slider in calculator._sliders.values()] == [
        "in",
        "kernel",
        "stride",
        "padding",
    ]
    with pytest.raises(GanlibError, match="goes up to 8"):
        CheckerboardCalculator(size=9)


def test_the_line_is_announced(calculator):
    assert calculator._line.value.startswith('<p role="status">(4 - 1) x 2')


def test_a_page_without_a_kernel_shows_a_still(calculator):
    bundle = calculator._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == calculator.box.model_id
    assert 'alt="Left, the kernels of one row' in bundle["text/html"]
    assert bundle["text/plain"] == calculator.layer.describe()
