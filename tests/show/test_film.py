import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.latent.sampling import sample_latent, walk
from ganlib.show.film import check_film, film, film_of_path
from ganlib.show.grids import enlarge, grid_image

FRAMES = [np.full((6, 8, 3), shade, dtype=np.uint8) for shade in (0, 90, 180, 250)]


@pytest.fixture
def generator(recipe):
    net = recipe.generator()
    for _ in range(20):
        net(torch.randn(16, 8))
    return net


def test_a_gif_has_its_frames_evenly_and_loops_for_ever(tmp_path):
    figure = film(FRAMES, tmp_path / "a.gif", 2, alt="Four greys.")
    assert (figure.mimetype, figure.alt) == ("image/gif", "Four greys.")
    moving = Image.open(tmp_path / "a.gif")
    assert moving.info["loop"] == 0
    durations, shades = [], []
    for place in range(moving.n_frames):
        moving.seek(place)
        durations.append(moving.info["duration"])
        shades.append(moving.convert("RGB").getpixel((3, 3))[0])
    assert durations == [500] * 4
    assert shades == pytest.approx([0, 90, 180, 250], abs=3)


def test_the_last_frame_may_be_held(tmp_path):
    film(FRAMES, tmp_path / "a.gif", 2, alt="", hold=1)
    moving = Image.open(tmp_path / "a.gif")
    moving.seek(3)
    assert moving.info["duration"] == 1500


def test_an_mp4_has_the_frames_and_the_length(tmp_path):
    film(FRAMES, tmp_path / "a.MP4", 2, alt="")
    shown = imageio.imread(tmp_path / "a.MP4", plugin="FFMPEG")
    assert shown.shape == (4, 6, 8, 3)
    assert imageio.immeta(tmp_path / "a.MP4", plugin="FFMPEG")["duration"] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(("scale", "side"), [(None, 256), (1, 32), (3, 96)])
def test_a_path_is_painted_frame_by_frame(generator, scale, side, tmp_path):
    z = walk(sample_latent(2, 8), 5)
    figure = film_of_path(generator, z, tmp_path / "a.gif", 1, alt="A path.", scale=scale)
    assert figure.data == (tmp_path / "a.gif").read_bytes()
    moving = Image.open(tmp_path / "a.gif")
    assert (moving.n_frames, moving.size) == (5, (side, side))


@pytest.mark.parametrize(
    ("name", "seconds", "scale", "message"),
    [
        ("a.png", 1, 1, r"\.gif or \.mp4"),
        ("a.gif", 0, 1, "more than 0"),
        ("a.gif", float("nan"), 1, "more than 0"),
        ("a.gif", 601, 1, "at most 600"),
        ("a.gif", 0.05, 1, "50 a second"),
        ("a.gif", 1, 0, "scale of 1 or more"),
        ("a.gif", 1, 1000, "fewer frames"),
    ],
)
def test_what_makes_no_film_is_named_before_it_is_painted(name, seconds, scale, message, generator, tmp_path):
    with pytest.raises(GanlibError, match=message):
        film_of_path(generator, sample_latent(5, 8), tmp_path / name, seconds, alt="", scale=scale)
    assert list(tmp_path.glob("*.*")) == []


def test_fifty_frames_a_second_are_not_too_many(tmp_path):
    check_film(tmp_path / "a.gif", 1, 50)
    with pytest.raises(GanlibError, match="51 frames in 1 seconds"):
        check_film(tmp_path / "a.gif", 1, 51)


def test_enlarging_makes_squares_or_slopes():
    image = torch.tensor([-1.0, 1.0]).repeat(3, 2, 1)[None]  # (1, 3, 2, 2): black beside white
    squares = enlarge(image, 4)
    assert squares.shape == (1, 8, 8, 3)
    assert squares[0, 3, :, 0].tolist() == [0] * 4 + [255] * 4
    slope = enlarge(image, 4, smooth=True)[0, 3, :, 0].tolist()
    assert slope == sorted(slope)
    assert len(set(slope)) > 3
    assert torch.equal(enlarge(image, 1, smooth=True), enlarge(image, 1))


def test_the_lines_of_a_smooth_grid_stay_white_and_where_they_are():
    images = torch.rand(4, 3, 8, 8) * 2 - 1
    squares, smooth = (np.asarray(grid_image(images, scale=3, smooth=smooth)) for smooth in (False, True))
    assert squares.shape == smooth.shape == (3 * 22, 3 * 22, 3)
    for pixels in (squares, smooth):
        assert (pixels[:6] == 255).all()
        assert (pixels[:, 30:36] == 255).all()
    assert not np.array_equal(squares, smooth)
