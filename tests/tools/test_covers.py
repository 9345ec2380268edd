"""The picture that a notebook opens with is what its cell tagged `cover` shows."""

from base64 import b64encode
from io import BytesIO

import imageio.v3 as iio
import nbformat
import numpy as np
import pytest
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.show.figure import Figure
from tools.covers import write_cover


def page_with(*htmls, tags=("cover",)):
    outputs = [nbformat.v4.new_output("display_data", {"text/html": html}) for html in htmls]
    cell = nbformat.v4.new_code_cell("1", id="picture", metadata={"tags": list(tags)}, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[cell])


def gif(count, size):
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 256, (size, size, 3), dtype=np.uint8)) for _ in range(count)]
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    return buffer.getvalue()


def test_the_cover_is_the_last_picture_of_its_cell(tmp_path):
    small, blue = (Figure.from_image(Image.new("RGB", (30, 20), c), "x") for c in ("red", "blue"))
    write_cover(page_with(small.html(), "<p>words</p>", blue.html()), tmp_path / "cover.webp")
    picture = Image.open(tmp_path / "cover.webp")
    assert (picture.size, picture.format) == ((30, 20), "WEBP")
    assert picture.convert("RGB").getpixel((9, 9))[2] > 200
    see_through = Figure.from_image(Image.new("RGBA", (30, 20), (0, 0, 0, 0)), "x")
    write_cover(page_with(see_through.html()), tmp_path / "cover.webp")
    assert Image.open(tmp_path / "cover.webp").convert("RGB").getpixel((9, 9)) == (255, 255, 255)


def test_a_small_film_goes_on_moving_a_large_one_shows_its_end(tmp_path):
    moving = Figure(gif(5, 64), "five frames of noise", "image/gif")
    write_cover(page_with(moving.html()), tmp_path / "cover.webp")
    film = Image.open(tmp_path / "cover.webp")
    assert (film.n_frames, film.info["loop"]) == (5, 0)
    film.seek(1)
    film.load()
    assert film.info["duration"] == 80
    large = Figure(gif(4, 400), "four frames of noise", "image/gif")
    write_cover(page_with(large.html()), tmp_path / "cover.webp")
    assert Image.open(tmp_path / "cover.webp").n_frames == 1


def test_an_mp4_becomes_a_film(tmp_path):
    frames = np.stack([np.full((64, 96, 3), 40 * shade, np.uint8) for shade in range(6)])
    iio.imwrite(tmp_path / "film.mp4", frames, fps=20)
    data = b64encode((tmp_path / "film.mp4").read_bytes()).decode()
    html = f'<video src="data:video/mp4;base64,{data}" aria-label="six shades of grey"></video>'
    write_cover(page_with(html), tmp_path / "cover.webp")
    film = Image.open(tmp_path / "cover.webp")
    assert (film.n_frames, film.size) == (6, (96, 64))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (page_with(tags=()), "0 cells have the tag"),
        (page_with("<p>words</p>"), "'picture' has the tag 'cover' but shows no picture"),
    ],
)
def test_no_cover_is_a_sentence(page, message, tmp_path):
    with pytest.raises(GanlibError, match=message):
        write_cover(page, tmp_path / "cover.webp")
