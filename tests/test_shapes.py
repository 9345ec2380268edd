"""Pictures that are not square, from the folder to the studio: every verb knows height and width."""

import json

import numpy as np
import pytest
from PIL import Image

import ganlib
from ganlib.cli import main
from ganlib.data.dataset import ImageDataset, load_art
from ganlib.run import Run

SIZES = ["32x48", "48x32"]  # width x height


def fill(folder, count):
    """Coloured squares of 96 px, each on a ground of its own."""
    folder.mkdir()
    for number, colours in enumerate(np.random.default_rng(0).integers(0, 256, (count, 2, 3), np.uint8)):
        picture = np.full((96, 96, 3), colours[0])
        picture[24:72, 24:72] = colours[1]
        Image.fromarray(picture).save(folder / f"{number}.png")


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.fixture
def run(size, tmp_path):
    """A folder of seventy pictures, and a run on it."""
    fill(tmp_path / "art", 70)
    recipe = {"name": "narrow", "size": size, "width": 2, "latent_dim": 4, "batch_size": 16}
    (tmp_path / "narrow.json").write_text(json.dumps(recipe))
    folder = tmp_path / "run"
    words = ["train", str(tmp_path / "narrow.json"), "--data", str(tmp_path / "art"), "--run", str(folder)]
    assert main([*words, "--kimg", "1.1", "--evaluate-kimg", "1", "--device", "cpu"]) == 0
    return Run(folder)


def width_and_height(size):
    return tuple(map(int, size.split("x")))


def test_pictures_are_cropped_to_the_shape(size, tmp_path):
    fill(tmp_path / "art", 70)
    width, height = width_and_height(size)
    for crop in ("centre", "pad", "stretch", "tiles"):
        art = load_art(tmp_path / "art", size, crop=crop)
        assert art.images.shape[1:] == (height, width, 3)
        assert (art.size, art.shape) == (size, (height, width))
    out = str(tmp_path / "set")
    assert main(["prepare", str(tmp_path / "art"), "--size", size, "--out", out, "--report"]) == 0
    assert load_art(out).size == size


def test_a_picture_keeps_its_proportions_and_the_middle_of_it(tmp_path):
    picture = np.zeros((96, 192, 3), np.uint8)
    picture[24:72, 48:144] = 255
    Image.fromarray(picture).save(tmp_path / "wide.png")
    cropped = ganlib.data.decode.decode(tmp_path / "wide.png", "48x32").images[0]
    assert cropped.shape == (32, 48, 3)
    assert (cropped[10:22, 10:38] > 250).all()
    assert (cropped[:5] < 5).all()
    assert (cropped[:, :5] < 5).all()


def test_a_photo_on_its_side_is_measured_as_it_stands(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (96, 64), "red").save(tmp_path / "side.jpg", exif=exif)
    assert ganlib.data.decode.decode(tmp_path / "side.jpg", "64x96").images[0].shape == (96, 64, 3)
    with pytest.raises(ganlib.data.opening.RefusedError, match="smaller than 96x64 px"):
        ganlib.data.decode.decode(tmp_path / "side.jpg", "96x64")


def test_every_verb_knows_height_and_width(run, size, tmp_path, capsys):
    width, height = width_and_height(size)
    out = str(tmp_path / "out")
    source = str(run.folder)
    assert main(["sample", source, "--count", "1", "--upscale", "1", "--files", "--out", out]) == 0
    assert Image.open(next((tmp_path / "out").glob("*.png"))).size == (width, height)
    assert (
        main(["interpolate", source, "1", "2", "--frames", "4", "--out", f"{out}.gif", "--upscale", "2"]) == 0
    )
    assert Image.open(f"{out}.gif").size == (2 * width, 2 * height)
    assert main(["evaluate", source, "--data", str(tmp_path / "art"), "--count", "20"]) == 0
    half = f"{width // 2}x{height // 2} px"
    assert half in capsys.readouterr().out
    photo = str(tmp_path / "art" / next((tmp_path / "art").iterdir()).name)
    assert main(["project", photo, source, "--steps", "2", "--out", f"{out}.png"]) == 0
    assert main(["animate", source]) == 0
    assert main(["share", source, "--out", str(tmp_path / "share")]) == 0
    assert f"a picture of {width} x {height} pixels" in (tmp_path / "share" / "README.md").read_text()
    assert main(["export", source, "--out", f"{out}.onnx"]) == 0
    assert main(["recipes", "show", str(tmp_path / "narrow.json")]) == 0
    assert f"Pictures of {width} x {height} pixels." in capsys.readouterr().out


def test_the_studio_opens_a_run_that_is_not_square(run, size):
    studio = ganlib.LatentStudio(run.folder)
    width, height = width_and_height(size)
    still = studio.still().image()
    assert still.width * height == still.height * width
    generator, recipe = ganlib.load(run.folder)
    pictures = ganlib.generate(generator, ganlib.sample_latent(2, recipe.latent_dim))
    assert pictures.shape == (2, 3, height, width)


def test_a_set_of_another_shape_is_refused(run, tmp_path):
    art = ImageDataset(np.zeros((40, 32, 32, 3), np.uint8), "square")
    with pytest.raises(ganlib.GanlibError, match=r"wants pictures of \d+x\d+ px, and 'square' has 32 px"):
        ganlib.Trainer(run.recipe(), art, tmp_path / "other", device="cpu")
