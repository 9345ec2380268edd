import json
import re
import subprocess
import sys

import pytest
from PIL import Image

from ganlib.cli import main
from ganlib.run import Run

QUICK = ["--device", "cpu", "--kimg", "0.03", "--set", "width=2", "batch_size=8"]


@pytest.fixture
def run(tmp_path):
    assert main(["train", "portraits64", "--run", str(tmp_path / "run"), *QUICK]) == 0
    return Run(tmp_path / "run")


def test_train_says_where_the_pictures_are(tmp_path, capsys):
    run = Run(tmp_path / "run")
    assert main(["train", "portraits64", "--run", str(run.folder), *QUICK]) == 0
    shown = capsys.readouterr().out
    for path in (run.samples()[-1], run.animation_file, run.generator_file):
        assert str(path) in shown
        assert path.exists()
    assert json.loads(run.recipe_file.read_text())["batch_size"] == 8


def test_train_goes_on_where_it_stood(run, capsys):
    command = ["train", "auto", "--run", str(run.folder), "--device", "cpu", "--kimg", "0.05"]
    assert main(command) == 0
    assert "continues at 0.0 kimg" in capsys.readouterr().out
    assert [int(path.stem) for path in run.samples()] == [0, 7]  # the one where it had paused is gone


def test_sample_paints_a_grid(run, tmp_path, capsys):
    out = tmp_path / "grid.png"
    assert main(["sample", str(run.folder), "--count", "5", "--seed", "7", "--out", str(out)]) == 0
    assert Image.open(out).size == (2 * (3 * 66 + 2), 2 * (2 * 66 + 2))
    assert "seeds 7 to 11" in capsys.readouterr().out


def test_animate_writes_a_gif(run, tmp_path):
    assert main(["animate", str(run.folder), "--out", str(tmp_path / "film.gif")]) == 0
    assert Image.open(tmp_path / "film.gif").n_frames == 2


def test_recipes_are_listed_with_what_they_cost(capsys):
    assert main(["recipes"]) == 0
    shown = capsys.readouterr().out
    for name in ("portraits64", "gallery512", "artportraits64", "artgan64"):
        assert f"\n{name} " in shown


def test_a_recipe_is_shown_with_changes(capsys):
    assert main(["recipes", "show", "artgan64", "--set", "batch_size=16"]) == 0
    shown = capsys.readouterr().out
    assert re.search("^batch_size +16 ", shown, re.MULTILINE)
    assert "https://github.com/1391819/artGAN" in shown
    assert main(["recipes", "show", "artgan"]) == 2
    assert "choose one of portraits64" in capsys.readouterr().err


def test_a_recipe_of_one_s_own_is_a_file(tmp_path, capsys):
    (tmp_path / "mine.json").write_text('{"width": 2, "batch_size": 8}')
    command = ["train", str(tmp_path / "mine.json"), "--run", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--kimg", "0.03"]) == 0
    recipe = Run(tmp_path / "run").recipe()
    assert (recipe.name, recipe.width, recipe.batch_size) == ("mine", 2, 8)
    capsys.readouterr()
    assert main(["recipes", "show", str(tmp_path / "mine.json"), "--set", "batch_size=4"]) == 0
    assert re.search("^batch_size +4 ", capsys.readouterr().out, re.MULTILINE)
    (tmp_path / "mine.json").write_text('{"secret": 1}')
    assert main(command) == 2
    assert "it has the field 'secret'" in capsys.readouterr().err


def test_a_recipe_brings_its_own_art(tmp_path, capsys):
    quick = ["--device", "cpu", "--kimg", "0.004", "--set", "width=1", "batch_size=2"]
    assert main(["train", "gallery512", "--run", str(tmp_path / "run"), *quick]) == 0
    assert Run(tmp_path / "run").recipe().size == 512
    assert "196 MiB of pictures" in capsys.readouterr().out  # 261 of the patchwork


def test_doctor_tells_what_is_there_and_what_is_missing(capsys, monkeypatch):
    import ganlib.cli.train

    monkeypatch.setattr(ganlib.cli.train, "_PACKAGES", "torch jupyterlab no-such-package")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for word in ("Python", "torch", "machine", "GiB free", "jupyterlab", "python -m ganlib train"):
        assert word in shown
    assert "missing; type: pip install" in shown.split("no-such-package")[1].split("\n")[0]


def test_doctor_names_the_place_of_a_credential_and_not_the_credential(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    assert main(["doctor"]) == 0
    assert (
        "public data sets need no account; for others, open https://www.kaggle.com" in capsys.readouterr().out
    )
    monkeypatch.setenv("KAGGLE_API_TOKEN", "tell-nobody")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "known to it by the environment variable KAGGLE_API_TOKEN" in shown
    assert "tell-nobody" not in shown


def test_doctor_works_where_torch_is_missing():
    code = """
import importlib.metadata, importlib.util, sys
find_spec, version = importlib.util.find_spec, importlib.metadata.version
def version_of(name):
    if name == "torch":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = version_of
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
sys.modules["torch"] = None
from ganlib.cli import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search("^torch +missing; type: pip install", done.stdout, re.MULTILINE)


def broken_weights(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "portrait", "--run", "{tmp}/r"], "portraits64"),
        (["train", "portraits64", "--run", "{tmp}/r", "--data", "{tmp}/nowhere"], "There is no art"),
        (
            ["train", "portraits64", "--run", "{tmp}/r", "--data", "{tmp}/empty"],
            "There is no file in",
        ),
        (["train", "portraits64", "--run", "{tmp}/r", "--set", "batch_size=9000"], "larger than the"),
        (["train", "portraits64", "--run", "{tmp}/r", "--set", "size=100"], "power of two"),
        (
            ["train", "portraits64", "--run", "{tmp}/r", "--evaluate-kimg", "0"],
            "every 1 kimg or more",
        ),
        (["train", "portraits64", "--run", "{tmp}/taken"], "a file stands there"),
        (["train", "portraits64", "--run", "{tmp}/r", "--minutes", "-1"], "above zero"),
        (["train", "portraits64", "--run", "{tmp}/r", "--device", "mps"], "no device 'mps'"),
        (["sample", "{tmp}/broken.safetensors"], "damaged or cut short"),
        (["sample", "{tmp}/empty"], "train there first"),
        (["sample", "portraits", "--count", "0", "--out", "{tmp}/a.png"], "at least 1"),
        (["sample", "portraits", "--count", "1000000000", "--out", "{tmp}/a.png"], "fewer pictures"),
        (["sample", "portraits", "--scale", "0", "--out", "{tmp}/a.png"], "1 or more"),
        (["sample", "portraits", "--seed", "-1", "--out", "{tmp}/a.png"], "out of range"),
        (["sample", "portraits", "--out", "{tmp}/empty"], "names no picture format"),
        (["sample", "portraits", "--out", "{tmp}/taken/a.png"], "a file stands there"),
        (["train", "portraits64", "--run", "{tmp}/r", "--kimg", "inf"], "number above zero"),
        (["train", "portraits64", "--run", "{tmp}/r", "--data", "~nouser/x"], "There is no art"),
        (["animate", "{tmp}/empty"], "no samples"),
    ],
)
def test_a_user_s_mistake_is_one_sentence_and_exit_code_two(arguments, message, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").write_text("mine")
    broken_weights(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts)
    assert main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    shown = capsys.readouterr().err.strip().split("\n")[-1]
    assert shown.startswith("ganlib: ")
    assert message in shown
    after = sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts)
    assert [path for path in after if path not in before and path.is_file()] == []
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_run_folder_of_another_recipe_is_refused(run, capsys):
    before = run.checkpoint_file.read_bytes()
    assert main(["train", "portraits64", "--run", str(run.folder), "--device", "cpu", "--kimg", "1"]) == 2
    assert "belongs to another recipe" in capsys.readouterr().err
    assert run.checkpoint_file.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_a_full_disk_is_a_sentence_and_keeps_the_last_checkpoint(run):
    before = {path: path.read_bytes() for path in (run.checkpoint_file, run.generator_file)}
    code = f"""
import resource, sys
from ganlib.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(["train", "auto", "--run", {str(run.folder)!r}, "--device", "cpu", "--kimg", "0.06"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    for path, content in before.items():
        assert path.read_bytes() == content
    assert list(run.folder.rglob("*.part*")) == []


def test_help_helps(capsys):
    for arguments in (["--help"], ["train", "--help"], ["sample", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "FIELD=VALUE",
        "--upscale TIMES, --scale TIMES",
        "--truncation AMOUNT",
        "how many pictures (16)",
    ):
        assert words in shown
