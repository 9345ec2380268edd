"""What notebook 10 counts and builds by hand is what ganlib holds, and a hint fits its mistake."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import ganlib
from ganlib.costs import cost
from tests.notebooks.lesson import cells_of, names_of, said_of

CELLS = {name: cell.source for name, cell in cells_of("10_large_canvas").items()}
RUN_HERE = (
    "setup",
    "tools",
    "count",
    "sizes",
    "cost",
    "memory",
    "accumulate",
    "field",
    "checker",
    "tiles",
)
GALLERY = ganlib.get_recipe("gallery512")


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define, but for those that draw or train."""
    return names_of(CELLS[name] for name in RUN_HERE)


@pytest.mark.parametrize(
    "recipe",
    [
        GALLERY,
        replace(GALLERY, size=128, width=16, d_norm_first=False),
        replace(GALLERY, size=32, d_norm="none", d_norm_first=False),
        ganlib.get_recipe("portraits64"),
    ],
    ids=["gallery512", "128 px", "no norm", "portraits64"],
)
def test_the_count_is_that_of_the_library(lesson, recipe):
    g_rows, d_rows = lesson["count_both"](recipe)
    theirs = cost(replace(recipe, fakes="shared"))
    assert sum(row["parameters"] for row in g_rows) == theirs.generator_parameters
    assert sum(row["parameters"] for row in d_rows) == theirs.discriminator_parameters
    assert lesson["arithmetic"](g_rows, d_rows) == theirs.flops
    assert lesson["left_behind"](g_rows, d_rows) == pytest.approx(theirs.activation_bytes, rel=0.01)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("batch", [1, 16, 128])
def test_the_memory_is_that_of_the_library(lesson, batch, mixed):
    theirs = cost(replace(GALLERY, fakes="shared")).memory(batch, mixed=mixed)
    assert lesson["memory"](batch, mixed) == pytest.approx(theirs, rel=0.001)


def test_parts_of_a_batch_make_the_whole_only_without_batchnorm(lesson):
    images = torch.rand(12, 3, 64, 64)
    for norm, equal in (("none", True), ("batch", False)):
        net = ganlib.DCGANDiscriminator(size=64, width=8, norm=norm)
        whole, parts = lesson["gradients"](net, images, parts=1), lesson["gradients"](net, images, parts=3)
        assert torch.allclose(whole, parts, atol=1e-6) is equal


@pytest.mark.parametrize(("size", "width"), [(64, 8), (512, 4)])
def test_every_field_is_as_wide_as_the_gradient_says(lesson, size, width):
    net = ganlib.DCGANDiscriminator(size, width).eval()
    ends = [place + 1 for place, layer in enumerate(net.main) if isinstance(layer, nn.Conv2d)]
    for field, end in zip(lesson["receptive_fields"](net), ends, strict=True):
        look = lesson["attention"](net.main[:end], size)
        for direction in (0, 1):
            assert (look > 0).any(direction).sum() == min(field, size)


def test_the_ways_to_enlarge_are_those_of_the_nets(lesson):
    x = torch.randn(2, 8, 6, 6)
    weights = torch.randn(8, 8, 4, 4)
    transposed = next(
        layer
        for layer in ganlib.DCGANGenerator(width=8).main
        if isinstance(layer, nn.ConvTranspose2d) and layer.stride == (2, 2)
    )
    transposed = nn.ConvTranspose2d(8, 8, transposed.kernel_size, 2, transposed.padding, bias=False)
    upsample, convolution = _enlarging_layers(8)
    with torch.no_grad():
        transposed.weight.copy_(weights)
        convolution.weight.copy_(weights[..., :3, :3].transpose(0, 1))
        convolution.bias.zero_()
        assert torch.equal(transposed(x), lesson["kernel_4"](x, weights))
        assert torch.equal(convolution(upsample(x)), lesson["resize"](x, weights))
    assert lesson["kernel_3"](x, weights).shape == lesson["kernel_4"](x, weights).shape


def _enlarging_layers(channels):
    """The first enlargement and its convolution in the generator of the family "resize"."""
    layers = list(replace(GALLERY, family="resize", d_norm_first=False, width=channels // 4).generator().main)
    place = next(place for place, layer in enumerate(layers) if isinstance(layer, nn.Upsample))
    return layers[place : place + 2]


def test_likeness_finds_a_period(lesson):
    tile = torch.randn(4, 3, 64, 16)
    pictures = tile.repeat(1, 1, 1, 4)
    assert lesson["self_likeness"](pictures, 16) == pytest.approx(1, abs=1e-5)
    assert abs(lesson["self_likeness"](pictures, 7)) < 0.2
    flipped = torch.cat([tile, -tile, tile, -tile], dim=3)
    assert lesson["self_likeness"](flipped, 16) == pytest.approx(-1, abs=1e-2)


def test_the_recipe_made_for_haste_differs_only_where_the_page_says(lesson):
    changed = set(GALLERY.differences(lesson["narrow"]))
    assert changed == {"name", "width", "d_norm", "d_norm_first", "batch_size", "g_lr", "d_lr", "ema_kimg"}


@pytest.fixture(scope="module")
def said(lesson):
    """What the check of an exercise prints about an answer."""

    return lambda name, answer: said_of(dict(lesson), CELLS, name, answer)


FITS = "def largest_batch(recipe, usable, mixed):\n    needs, batch = cost(recipe).memory, 0\n"
COUNTED = "    while needs(batch + 1, mixed={}) <= usable:\n        batch += 1\n    return batch"
DEEP = "def layers_needed(size, kernel):\n    return next(n for n in range(99) if "


def parts_times(share):
    return CELLS["exercise-uneven-yours"].replace("loss / len(parts)", f"loss * {share}")


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("fits", FITS + COUNTED.format("mixed"), "Right"),
        ("fits", FITS + COUNTED.format("True"), "did you pass `mixed` on"),
        ("fits", FITS + COUNTED.format("mixed") + " - 1", "one more would fit"),
        ("fits", FITS + COUNTED.format("mixed") + " or 1", "not even one"),
        ("fits", FITS + COUNTED.format("mixed") + " + 0.5", "a whole number"),
        ("fits", "largest_batch = None", "stopped with TypeError"),
        ("uneven", parts_times("len(part) / len(images)"), "Right"),
        ("uneven", parts_times("len(part)"), "8 times the gradients"),
        ("uneven", parts_times("1"), "2 times the gradients"),
        ("uneven", parts_times("most / len(images)"), "How large a share"),
        ("uneven", "my_gradients = lambda *_: None", "one tensor of all"),
        ("uneven", "my_gradients = None", "stopped with TypeError"),
        ("sight", DEEP + "1 + (kernel - 1) * (2**n - 1) >= size)", "Right"),
        ("sight", DEEP + "1 + (kernel - 1) * (2**n - 1) > size)", "fewer would do"),
        ("sight", DEEP + "kernel**n >= size)", "jump twice as wide"),
        ("sight", DEEP + "3 * 2**n - 2 >= size)", "with kernel 3"),
        ("sight", "layers_needed = None", "stopped with TypeError"),
    ],
)
def test_an_answer_gets_the_hint_that_it_needs(said, name, answer, hint):
    told = said(name, answer)
    assert hint in told
    assert told.startswith("Right" if hint == "Right" else "Not yet: ")
