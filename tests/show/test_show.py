from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.data.dataset import to_bytes
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.film import animate
from ganlib.show.curves import curves, loss_scale, time_axis
from ganlib.show.grids import before_after, check_grid, grid
from ganlib.show.runs import show_run

IMAGES = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def pixels(figure):
    return np.asarray(figure.image().convert("RGB"))


def test_a_grid_shows_every_picture_as_it_is():
    shown = pixels(grid(IMAGES))
    assert shown.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    wanted = to_bytes(IMAGES).numpy()
    for index in range(5):
        y, x = 2 + 34 * (index // 3), 2 + 34 * (index % 3)
        assert np.array_equal(shown[y : y + 32, x : x + 32], wanted[index])


def test_a_grid_can_be_enlarged_and_have_columns():
    assert pixels(grid(IMAGES, columns=5, scale=3)).shape == (3 * 36, 3 * (5 * 34 + 2), 3)


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


@pytest.fixture
def run(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    for index in range(5):
        Image.new("RGB", (40, 40), (index * 50, 0, 0)).save(run.sample_file(index * 16))
        row = {"step": index, "kimg": index + 1.0, "d_loss": 1.4 - index / 10, "g_loss": 0.7 + index}
        run.append_log({**row, "real_probability": 0.6, "fake_probability": 0.4})
    return run


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


def test_before_and_after_are_the_first_and_the_last_samples(run):
    figure = before_after(run)
    shown = pixels(figure)
    assert shown.shape == (40, 96, 3)
    assert (shown[:, :40] == (0, 0, 0)).all()
    assert (shown[:, 40:56] == 255).all()
    assert (shown[:, 56:] == (200, 0, 0)).all()
    assert "after 64 steps" in figure.alt


def test_curves_leave_out_what_was_not_played_and_may_be_logarithmic(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(replace(recipe, steps_in="epochs"))
    for step in range(6):
        d_plays = step % 2 == 0
        row = {"step": 10 * step, "kimg": 1.0, "real_probability": 0.6 if d_plays else None}
        losses = {"d_loss": 10.0**-step if d_plays else None, "g_loss": None if d_plays else 2.0}
        run.append_log({**row, **losses, "fake_probability": 0.4})
    figure = curves(run)
    assert "from 1.00 to 0.00, that of G from 2.00 to 2.00" in figure.alt
    shown = pixels(figure).astype(int)
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (np.abs(shown - colour).sum(2) < 30).sum() > 500  # a line, not only its entry in the legend
    assert loss_scale(run.log()) == "log"
    assert loss_scale(run.log()[:2]) == "linear"
    nobody = [{"d_loss": None, "g_loss": None}]
    assert loss_scale(nobody) == "linear"


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


@pytest.mark.parametrize(("columns", "scale"), [(1, 0), (1, -1), (0, 1), (1, 1000)])
def test_a_grid_of_no_size_or_too_large_is_a_sentence(columns, scale):
    with pytest.raises(GanlibError):
        check_grid(5, 32, columns, scale)


def test_a_long_run_is_thinned(run):
    for index in range(5, 200):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(run.sample_file(index * 16))
    for index in range(5):
        run.sample_file(index * 16).unlink()
    animate(run)
    assert Image.open(run.animation_file).n_frames == 48


def test_curves_run_over_pictures_or_over_steps(tmp_path, recipe):
    for name, changes, axis in (
        ("a", {}, "kimg"),
        ("b", {"d_steps": 2}, "step"),
        ("c", {"steps_in": "epochs"}, "step"),
    ):
        run = Run(tmp_path / name)
        run.start(replace(recipe, **changes))
        assert time_axis(run) == axis


def test_curves_draw_and_describe(run):
    figure = curves(run)
    shown = pixels(figure)
    assert shown.shape[1] == 1000
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (np.abs(shown.astype(int) - colour).sum(2) < 30).sum() > 100
    assert "from 1.40 to 1.00" in figure.alt
    assert "D(G(z)) at 0.40" in figure.alt


def test_nothing_to_show_is_a_sentence(tmp_path, recipe):
    run = Run(tmp_path / "empty")
    run.start(recipe)
    with pytest.raises(GanlibError, match="no samples"):
        animate(run)
    with pytest.raises(GanlibError, match="too short"):
        curves(run)
    with pytest.raises(GanlibError, match="no samples to compare"):
        before_after(run)


def test_a_run_shows_what_it_has(run):
    run.generator_file.write_bytes(b"weights")
    shown = dict(show_run(run))
    assert list(shown) == ["sample grid", "before/after", "curves", "film", "generator"]
    assert all(path.exists() for path in shown.values())
    assert Image.open(shown["before/after"]).size == (96, 40)
    assert Image.open(shown["curves"]).width == 1000


def test_a_run_that_has_just_begun_shows_less(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    Image.new("RGB", (40, 40)).save(run.sample_file(0))
    assert [what for what, _ in show_run(run)] == ["sample grid", "film", "generator"]
