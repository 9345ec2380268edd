from io import BytesIO

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from ganlib.data.dataset import to_bytes
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, sample_latent
from ganlib.latent.timeline import walk
from ganlib.run import Run
from ganlib.show.film import animate, check_film, film, film_of_path

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


@pytest.mark.parametrize(("width", "side"), [(None, 256), (32, 32), (100, 100)])
def test_a_path_is_painted_frame_by_frame(generator, width, side, tmp_path):
    z = walk(sample_latent(2, 8), 5)
    figure = film_of_path(generator, z, tmp_path / "a.gif", 1, alt="A path.", width=width)
    assert figure.data == (tmp_path / "a.gif").read_bytes()
    moving = Image.open(tmp_path / "a.gif")
    assert (moving.n_frames, moving.size) == (5, (side, side))


@pytest.mark.parametrize(
    ("name", "seconds", "width", "message"),
    [
        ("a.png", 1, 1, r"\.gif or \.mp4"),
        ("a.gif", 0, 1, "more than 0"),
        ("a.gif", float("nan"), 1, "more than 0"),
        ("a.gif", 601, 1, "at most 600"),
        ("a.gif", 0.05, 1, "50 a second"),
        ("a.gif", 1, 0, "from 1 to 4096 px"),
        ("a.gif", 1, 5000, "from 1 to 4096 px"),
    ],
)
def test_what_makes_no_film_is_named_before_it_is_painted(name, seconds, width, message, generator, tmp_path):
    with pytest.raises(GanlibError, match=message):
        film_of_path(generator, sample_latent(5, 8), tmp_path / name, seconds, alt="", width=width)
    assert list(tmp_path.glob("*.*")) == []


def test_fifty_frames_a_second_are_not_too_many(tmp_path):
    check_film(tmp_path / "a.gif", 1, 50)
    with pytest.raises(GanlibError, match="51 frames in 1 seconds"):
        check_film(tmp_path / "a.gif", 1, 51)


def test_a_film_of_numbered_pictures_and_one_with_sixty_a_second(generator, tmp_path):
    z = walk(sample_latent(2, 8), 6)
    film_of_path(generator, z, tmp_path / "frames", 0.1, alt="", width=32)
    film_of_path(generator, z, tmp_path / "a.mp4", 0.1, alt="", width=33)
    names = [path.name for path in sorted((tmp_path / "frames").iterdir())]
    assert names == [f"frame-{k:05d}.png" for k in range(1, 7)]
    pictures = to_bytes(generate(generator, z)).numpy()
    for picture, path in zip(pictures, sorted((tmp_path / "frames").iterdir()), strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), picture)
    facts = imageio.immeta(tmp_path / "a.mp4", plugin="FFMPEG")
    assert (facts["fps"], facts["size"]) == (60, (34, 34))


def test_the_film_holds_every_sample_in_order_and_rests_on_the_last(run):
    figure = animate(run)
    film = Image.open(run.animation_file)
    assert film.n_frames == 5
    reds, durations = [], []
    for index in range(5):
        film.seek(index)
        reds.append(film.convert("RGB").getpixel((20, 20))[0])
        durations.append(film.info["duration"])
    assert np.allclose(reds, [0, 50, 100, 150, 200], atol=4)
    assert durations == [1600] * 4 + [3600]
    assert film.info["loop"] == 0
    assert figure.mimetype == "image/gif"
    assert "5 grids" in figure.alt


def test_a_film_may_be_an_mp4_of_the_same_frames_and_length(run, tmp_path):
    Image.new("RGB", (41, 39), (250, 0, 0)).save(run.sample_file(99))
    for sample in run.samples()[:-1]:
        Image.open(sample).resize((41, 39)).save(sample)
    figure = animate(run, tmp_path / "film.mp4")
    frames = imageio.imread(tmp_path / "film.mp4", plugin="FFMPEG")
    facts = imageio.immeta(tmp_path / "film.mp4", plugin="FFMPEG")
    assert frames.shape[1:] == (40, 42, 3)  # films have even sides
    reds = frames[:, 20, 20, 0].astype(int)
    assert np.allclose(reds[:6], [0, 50, 100, 150, 200, 250], atol=12)
    assert np.allclose(reds[6:], 250, atol=12)
    assert 9.3 <= facts["duration"] <= 10.7
    assert figure.mimetype == "video/mp4"
    assert "<video" in figure.html()
    assert "6 grids" in figure.html()


def test_a_single_sample_is_a_film_of_one_frame(run):
    for sample in run.samples()[1:]:
        sample.unlink()
    assert Image.open(BytesIO(animate(run).data)).n_frames == 1


@pytest.mark.parametrize("seconds", [0, -5, float("nan"), 1e12])
def test_a_film_of_no_length_is_a_sentence(run, seconds):
    with pytest.raises(GanlibError, match="A film lasts"):
        animate(run, seconds=seconds)


def test_a_film_is_a_gif_and_made_of_whole_samples(run, tmp_path):
    with pytest.raises(GanlibError, match=r"end the name in \.gif or \.mp4"):
        animate(run, tmp_path / "film.avi")
    run.samples()[2].write_bytes(b"no picture")
    with pytest.raises(GanlibError, match="is damaged"):
        animate(run)


def test_a_long_run_is_thinned(run):
    for index in range(5, 200):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(run.sample_file(index * 16))
    for index in range(5):
        run.sample_file(index * 16).unlink()
    animate(run)
    assert Image.open(run.animation_file).n_frames == 48


def test_a_run_without_samples_is_a_sentence(tmp_path, recipe):
    run = Run(tmp_path / "empty")
    run.start(recipe)
    with pytest.raises(GanlibError, match="no samples"):
        animate(run)


@pytest.mark.parametrize(
    ("frames", "seconds"), [(26, 1.0), (7, 1.0), (48, 8.0), (50, 1.0), (3, 0.1), (120, 4.0)]
)
def test_the_frames_of_a_gif_last_as_long_as_was_asked(tmp_path, frames, seconds):
    pictures = [np.full((8, 8, 3), 2 * k, np.uint8) for k in range(frames)]
    film(pictures, tmp_path / "film.gif", seconds, alt="Shades.", hold=0.5)
    with Image.open(tmp_path / "film.gif") as gif:
        lasts = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert len(lasts) == frames
    assert sum(lasts) == 1000 * (seconds + 0.5)
    assert max(lasts[:-1]) - min(lasts[:-1]) <= 10
