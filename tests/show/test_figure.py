from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.show.figure import described
from ganlib.show.grids import grid

IMAGES = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_figure_has_alternative_text_wherever_it_is_shown():
    figure = grid(IMAGES, alt='five "squares"')
    shown = figure._repr_mimebundle_()
    assert shown["text/plain"] == repr(figure) == 'five "squares"'
    assert 'alt="five &quot;squares&quot;"' in shown["text/html"]
    encoded = shown["text/html"].split("data:image/png;base64,")[1].split('"')[0]
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(encoded)))), np.asarray(figure.image()))
    assert "5 pictures" in repr(grid(IMAGES))


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_a_figure_is_saved_in_the_format_of_its_name(tmp_path, ending):
    path = grid(IMAGES).save(tmp_path / f"grid.{ending}")
    assert Image.open(path).size == (104, 70)


def test_a_figure_of_an_unknown_format_is_a_sentence(tmp_path):
    with pytest.raises(GanlibError, match="PNG, WebP or JPEG"):
        grid(IMAGES).save(tmp_path / "grid.xyz")


def test_a_described_figure_of_pyplot_is_closed_and_keeps_its_text():
    figure, axes = pyplot.subplots()
    axes.plot([0, 1])
    made = described(figure, "A straight line from 0 to 1.")
    assert made.alt == "A straight line from 0 to 1."
    assert made.image().size == (640, 480)
    assert not pyplot.fignum_exists(figure.number)
