import json
import sys

import pytest
from PIL import Image

from ganlib.cli import main
from ganlib.run import Run

ROW = {"d_loss": 1.0, "g_loss": 2.0, "real_probability": 0.6, "fake_probability": 0.4}


@pytest.fixture
def make(tmp_path, recipe, monkeypatch):
    """Write a run that has been trained for 2 kimg into this folder."""
    monkeypatch.chdir(tmp_path)

    def make(folder):
        run = Run(tmp_path / folder)
        run.start(recipe)
        for kimg in (1, 2):
            run.append_log({"step": 10 * kimg, "kimg": float(kimg), "seconds": 60.0 * kimg, **ROW})
        Image.new("RGB", (40, 40)).save(run.sample_file(20))
        return run

    return make


def test_runs_are_listed(make, capsys):
    make("runs/first")
    make("elsewhere/second")
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.split("\n")[1].split() == ["first", "test", "2.0", "2.0", "-", "-"]
    assert main(["runs", "elsewhere"]) == 0
    assert "second" in capsys.readouterr().out


def test_runs_are_compared(make, capsys, tmp_path):
    make("runs/first")
    make("elsewhere/second")
    assert main(["runs", "compare", "first", "elsewhere/second"]) == 0
    assert capsys.readouterr().out == "compare.png\n"
    assert Image.open("compare.png").size == (1200, 1200)
    assert main(["runs", "compare", "first", "elsewhere/second", "--out", "both.webp"]) == 0
    assert Image.open("both.webp").format == "WEBP"


def test_a_folder_called_compare_can_be_listed(make, capsys):
    make("compare/first")
    assert main(["runs", "./compare"]) == 0
    assert "first  test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no folder 'nowhere'"),
        (["compare"], "From 2 to 4 runs can be compared, not 0"),
        (["compare", "first"], "From 2 to 4 runs can be compared, not 1"),
        (["compare", "first", "second"], "There is no run 'second'"),
        (["compare", "first", "first"], "named twice"),
        (["compare", "first", "other", "--out", "both.gif"], "names no picture format"),
        (["first", "other"], "Name one folder"),
        (["runs", "--out", "table.png"], "Name one folder"),
    ],
)
def test_a_mistake_is_one_sentence(make, capsys, arguments, message, tmp_path):
    make("runs/first")
    make("runs/other")
    assert main(["runs", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("ganlib: ")
    assert shown.count("\n") == 1
    assert message in shown
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["runs"]


def test_help_names_both_uses(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["runs", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "ganlib runs [FOLDER]" in shown
    assert "ganlib runs compare RUN RUN" in shown


TRAIN = ["train", "portraits64", "--device", "cpu", "--kimg", "0.03", "--set", "width=2", "batch_size=8"]


def test_train_writes_events_only_if_told(tmp_path):
    assert main([*TRAIN, "--run", str(tmp_path / "plain")]) == 0
    assert main([*TRAIN, "--run", str(tmp_path / "told"), "--tensorboard"]) == 0
    assert not (tmp_path / "plain" / "tensorboard").exists()
    assert len(list((tmp_path / "told" / "tensorboard").iterdir())) == 1


def test_without_the_package_train_says_what_to_type_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main([*TRAIN, "--run", str(tmp_path / "run"), "--tensorboard"]) == 2
    assert "type: pip install tensorboard" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_row_of_the_log_is_whole_as_soon_as_it_is_written(make):
    run = make("runs/first")
    with run.log_file.open(encoding="utf-8") as tail:
        tail.read()
        for step in range(30, 60, 10):
            run.append_log({"step": step, **ROW})
            line = tail.readline()
            assert line.endswith("\n")
            assert json.loads(line)["step"] == step
            assert tail.readline() == ""
