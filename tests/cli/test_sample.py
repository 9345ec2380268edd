"""The verbs that paint from a generator: sample, interpolate and project."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.cli import main
from ganlib.data.dataset import to_bytes
from ganlib.latent.audio import read_sound
from ganlib.latent.sampling import generate, sample_latent, save_latent
from ganlib.latent.timeline import walk
from ganlib.show.grids import resize
from ganlib.weights import load_generator, save_generator
from tests.latent.sounds import clicks


@pytest.fixture
def weights(recipe, tmp_path):
    recipe = replace(recipe, init="default")
    generator = recipe.generator()
    for _ in range(40):
        generator(torch.randn(16, 8))  # BatchNorm learns its averages, so that pictures have contrast
    save_generator(generator, recipe, 1.0, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def painted(weights, z):
    return to_bytes(generate(load_generator(weights)[0], z)).numpy().astype(int)


def test_sample_writes_one_file_a_picture_named_by_its_seed(weights, tmp_path, capsys):
    out = tmp_path / "many"
    assert main(["sample", str(weights), "--files", "--count", "70", "--seed", "5", "--out", str(out)]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == [f"seed-{seed:06d}.png" for seed in range(5, 75)]
    pixels = np.stack([np.asarray(Image.open(out / name)).astype(int) for name in names])
    assert np.abs(pixels - painted(weights, sample_latent(70, 8, 5))).max() <= 1
    assert f"70 pictures, seeds 5 to 74: {out}" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "name"), [("webp", "WEBP"), ("jpg", "JPEG")])
def test_sample_writes_files_of_other_formats_and_sizes(kind, name, weights, tmp_path):
    command = ["sample", str(weights), "--files", "--count", "2", "--format", kind, "--upscale", "3"]
    assert main([*command, "--smooth", "--out", str(tmp_path / "many")]) == 0
    picture = Image.open(tmp_path / "many" / f"seed-000001.{kind}")
    assert (picture.format, picture.size) == (name, (96, 96))


def test_files_are_enlarged_by_squares_or_smoothly(weights, tmp_path):
    pictures = generate(load_generator(weights)[0], sample_latent(1, 8))
    for option, smooth in (([], False), (["--smooth"], True)):
        command = ["sample", str(weights), "--files", "--count", "1", "--upscale", "3", *option]
        assert main([*command, "--out", str(tmp_path / str(smooth))]) == 0
        pixels = np.asarray(Image.open(tmp_path / str(smooth) / "seed-000000.png")).astype(int)
        assert np.abs(pixels - resize(pictures, 3 * 32, smooth=smooth)[0].numpy()).max() <= 1


def test_sample_truncates(weights, tmp_path):
    def variety(amount):
        command = ["sample", str(weights), "--files", "--count", "9", "--truncation", amount]
        assert main([*command, "--out", str(tmp_path / amount)]) == 0
        return (
            np.stack([np.asarray(Image.open(path)) for path in (tmp_path / amount).iterdir()]).std(0).mean()
        )

    assert variety("0") < 1 < variety("0.5") < variety("1")


def test_a_grid_of_large_pictures_shows_them_as_they_are(tmp_path):
    assert main(["sample", "patchwork", "--count", "2", "--out", str(tmp_path / "quilts.webp")]) == 0
    assert Image.open(tmp_path / "quilts.webp").size == (2 * 512 + 3 * 2, 512 + 2 * 2)


@pytest.mark.parametrize("option", ["--upscale", "--scale"])
def test_a_grid_is_enlarged_by_either_name(option, weights, tmp_path):
    command = ["sample", str(weights), "--count", "4", option, "3", "--out", str(tmp_path / "grid.webp")]
    assert main(command) == 0
    assert Image.open(tmp_path / "grid.webp").size == (3 * 70, 3 * 70)


def frames_of(path):
    moving = Image.open(path)
    for place in range(moving.n_frames):
        moving.seek(place)
        yield np.asarray(moving.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("options", "closed", "straight"),
    [([], False, False), (["--loop"], True, False), (["--straight"], False, True)],
)
def test_interpolate_films_the_walk(options, closed, straight, weights, tmp_path, capsys):
    out = tmp_path / "film.gif"
    command = ["interpolate", str(weights), "3", "9", "--frames", "6", "--upscale", "1", "--out", str(out)]
    assert main([*command, *options]) == 0
    stops = torch.cat([sample_latent(1, 8, seed) for seed in (3, 9)])
    wanted = painted(weights, walk(stops, 6, closed=closed, straight=straight))
    shown = np.stack(list(frames_of(out)))
    assert shown.shape == wanted.shape
    assert np.abs(shown - wanted).mean() < 2.2  # a GIF has 256 colours
    assert f"6 frames, {4 if closed else 2} seconds: {out}" in capsys.readouterr().out


def test_interpolate_takes_files_and_writes_mp4(weights, tmp_path, capsys):
    generator, recipe = load_generator(weights)
    saved = [
        str(save_latent(z, generator, recipe, tmp_path / f"{k}.json"))
        for k, z in enumerate(sample_latent(2, 8, 3))
    ]
    seeds, files = tmp_path / "seeds.gif", tmp_path / "files.gif"
    for stops, out in ((["3", "4"], seeds), (saved, files)):
        assert main(["interpolate", str(weights), *stops, "--seconds", "0.5", "--out", str(out)]) == 0
    assert seeds.read_bytes() == files.read_bytes()
    film = tmp_path / "film.mp4"
    assert main(["interpolate", str(weights), "3", saved[1], "5", "--loop", "--out", str(film)]) == 0
    assert "180 frames, 6 seconds" in capsys.readouterr().out
    assert film.stat().st_size > 1000


def test_interpolate_takes_a_timeline_any_size_and_writes_numbered_pngs(weights, tmp_path, capsys):
    generator, recipe = load_generator(weights)
    save_latent(sample_latent(1, 8, 9)[0], generator, recipe, tmp_path / "nine.json")
    stops = [{"seed": 3, "seconds": 0.2, "easing": "hold"}, {"z": "nine.json", "seconds": 0.3}]
    timeline = tmp_path / "timeline.json"
    timeline.write_text(json.dumps({"loop": True, "keyframes": stops}))
    out = tmp_path / "frames"
    command = ["interpolate", str(weights), str(timeline), "--size", "50", "--fps", "10", "--out", str(out)]
    assert main(command) == 0
    assert f"5 frames, 0.5 seconds: {out}" in capsys.readouterr().out
    shown = [np.asarray(Image.open(path)) for path in sorted(out.iterdir())]
    assert [picture.shape for picture in shown] == [(50, 50, 3)] * 5
    assert main(command) == 2  # frames of another film would stay among these
    assert "is not empty" in capsys.readouterr().err
    timeline.write_text(json.dumps({"keyframes": stops}))
    assert main([*command[:-1], str(tmp_path / "open")]) == 0
    assert main([*command[:-1], str(tmp_path / "loop"), "--loop"]) == 0
    assert [len(list((tmp_path / name).iterdir())) for name in ("open", "loop")] == [2, 5]
    assert np.array_equal(shown[0], shown[1])  # it holds
    assert not np.array_equal(shown[1], shown[2])


def test_interpolate_moves_with_the_sound_and_lets_it_be_heard(weights, tmp_path, capsys):
    sound, out = clicks(tmp_path / "clicks.wav"), tmp_path / "film.mp4"
    words = ["3", "9", "--loop", "--audio", str(sound), "--react", "1=2", "2=-1:loudness", "--fps", "24"]
    assert main(["interpolate", str(weights), *words, "--out", str(out)]) == 0
    assert "72 frames, 3 seconds" in capsys.readouterr().out
    heard = read_sound(out)
    assert heard.seconds == pytest.approx(3, abs=0.1)
    assert len(heard.beats()) == len(read_sound(sound).beats()) > 3
    assert main(["interpolate", str(weights), *words[:5], "--react", "x", "--out", str(out)]) == 2
    assert "'x' is no reaction" in capsys.readouterr().err


def test_project_leaves_picture_and_latent_beside_the_photo(weights, tmp_path, capsys):
    out = tmp_path / "one"
    assert main(["sample", str(weights), "--files", "--count", "1", "--seed", "8", "--out", str(out)]) == 0
    photo = out / "seed-000008.png"
    capsys.readouterr()
    assert main(["project", str(photo), str(weights)]) == 0
    shown = capsys.readouterr().out
    assert "A pixel is off by" in shown
    picture, z = out / "seed-000008-projected.png", out / "seed-000008-projected.json"
    assert str(picture) in shown
    assert str(z) in shown
    assert json.loads(z.read_text())["recipe"] == "test"
    off = np.abs(
        np.asarray(Image.open(photo)).astype(int) - np.asarray(Image.open(picture)).astype(int)
    ).mean()
    assert 0 <= off < 2
    assert main(["interpolate", str(weights), "8", str(z), "--frames", "3", "--out", str(out / "a.gif")]) == 0
    first, *_, last = frames_of(out / "a.gif")
    assert np.abs(first - last).mean() < 3


def test_project_writes_where_it_is_told(weights, tmp_path):
    photo, out = tmp_path / "photo.jpg", tmp_path / "there" / "me.webp"
    Image.new("CMYK", (300, 20)).save(photo)
    command = ["project", str(photo), str(weights), "--crop", "pad", "--steps", "2", "--starts", "1"]
    assert main([*command, "--upscale", "2", "--out", str(out)]) == 0
    assert Image.open(out).size == (64, 64)
    assert sorted(path.name for path in out.parent.iterdir()) == ["me.json", "me.webp"]
    assert list(tmp_path.glob("*projected*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "{w}", "--truncation", "nan", "--out", "{tmp}/a.png"], "such as 0.9"),
        (["sample", "{w}", "--files", "--count", "0", "--out", "{tmp}/many"], "at least 1"),
        (["sample", "{w}", "--files", "--count", "1000000", "--out", "{tmp}/many"], "too many"),
        (["sample", "{w}", "--files", "--seed", "-1", "--out", "{tmp}/many"], "out of range"),
        (["sample", "{w}", "--files", "--truncation", "-1", "--out", "{tmp}/many"], "such as 0.9"),
        (["sample", "{w}", "--files", "--upscale", "0", "--out", "{tmp}/many"], "1 or more"),
        (["sample", "{w}", "--files", "--out", "{tmp}/taken"], "a file stands there"),
        (["interpolate", "{w}", "3", "--out", "{tmp}/a.gif"], "two stops or more"),
        (["interpolate", "{w}", "3", "four", "--out", "{tmp}/a.gif"], "'four' is neither a seed nor"),
        (["interpolate", "{w}", "3", "-4", "--out", "{tmp}/a.gif"], "out of range"),
        (["interpolate", "{w}", "3", "{tmp}/taken", "--out", "{tmp}/a.gif"], "damaged"),
        (["interpolate", "portraits", "3", "{tmp}/z.json", "--out", "{tmp}/a.gif"], "other weights"),
        (["interpolate", "{w}", "3", "4", "--out", "{tmp}/a.png"], "is no film"),
        (["interpolate", "{w}", "3", "4", "--seconds", "0", "--out", "{tmp}/a.gif"], "more than 0"),
        (["interpolate", "{w}", "3", "4", "--seconds", "nan", "--out", "{tmp}/a.gif"], "more than 0"),
        (["interpolate", "{w}", "3", "4", "--seconds", "inf", "--out", "{tmp}/a.gif"], "at most 600"),
        (
            ["interpolate", "{w}", "3", "4", "--frames", "1", "--out", "{tmp}/a.gif"],
            "needs 2 frames or more, not 1",
        ),
        (
            ["interpolate", "{w}", "3", "4", "--frames", "0", "--out", "{tmp}/a.gif"],
            "2 frames or more, not 0",
        ),
        (["interpolate", "{w}", "3", "4", "--frames", "-5", "--out", "{tmp}/a.gif"], "or more, not -5"),
        (["interpolate", "{w}", "3", "4", "--frames", "1000000000", "--out", "{tmp}/a.gif"], "50 a second"),
        (["interpolate", "{w}", "3", "4", "--upscale", "0", "--out", "{tmp}/a.gif"], "from 1 to 4096 px"),
        (["interpolate", "{w}", "3", "4", "--audio", "{tmp}/taken", "--out", "{tmp}/a.mp4"], "as sound"),
        (["interpolate", "{w}", "{tmp}/z.json", "--out", "{tmp}/a.mp4"], "is one stop"),
        (["interpolate", "{w}", "3", "4", "--react", "1=2", "--out", "{tmp}/a.mp4"], "one by --audio"),
        (["interpolate", "{tmp}/empty", "3", "4", "--out", "{tmp}/a.gif"], "train there first"),
        (["project", "{tmp}/taken", "{w}"], "is no picture to work with"),
        (["project", "{tmp}/none.png", "{w}"], "cannot be read"),
        (["project", "{tmp}/p.png", "{w}", "--crop", "tiles"], "no crop 'tiles'"),
        (["project", "{tmp}/p.png", "{w}", "--starts", "0"], "1 to 256 starts"),
        (["project", "{tmp}/p.png", "{w}", "--out", "{tmp}/a.gif"], "names no picture format"),
        (["project", "{tmp}/p.png", "{tmp}/p.png"], "p.png' is a picture: name a run folder"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(arguments, message, weights, tmp_path, capsys):
    generator, recipe = load_generator(weights)
    save_latent(sample_latent(1, 8)[0], generator, recipe, tmp_path / "z.json")
    Image.new("RGB", (40, 40)).save(tmp_path / "p.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").write_text("mine")
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    assert main([argument.format(tmp=tmp_path, w=weights) for argument in arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""  # it is said before the work is begun
    sentence = shown.err.strip().split("\n")[-1]
    assert sentence.startswith("ganlib: ")
    assert message in sentence
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "count", "seeds"),
    [
        ("5", 3, [5, 6, 7]),
        ("1,5,9-12", 16, [1, 5, 9, 10, 11, 12]),
        ("3-3", 2, [3, 4]),
        (" 4 , 2 ", 9, [4, 2]),
    ],
)
def test_seeds_are_one_to_begin_with_or_a_list(weights, tmp_path, text, count, seeds):
    words = ["sample", str(weights), "--files", "--count", str(count), "--out", str(tmp_path / "out")]
    assert main([*words, "--seeds", text]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"seed-{seed:06d}.png" for seed in seeds}


@pytest.mark.parametrize("text", ["", "a", "1,", "5-3", "1.5", "1--2", "1-99999999999999999999"])
def test_what_is_no_list_of_seeds_is_a_sentence(weights, text, capsys):
    assert main(["sample", str(weights), f"--seed={text}"]) == 2
    assert "names no seeds: write one, such as 7, or several, such as 1,5,9-12." in capsys.readouterr().err
