import json
import shutil
import signal
import subprocess
import sys

import pytest

from ganlib.cli import main
from ganlib.data import download
from ganlib.data.manifest import read_manifest
from ganlib.run import Run
from ganlib.training.checkpoint import trained_on
from tests.data.pictures import fill


@pytest.fixture
def folder(tmp_path):
    folder = fill(tmp_path / "art", 70)
    (folder / "notes.txt").write_text("no picture")
    (folder / "copy.png").write_bytes((folder / "001.png").read_bytes())
    return folder


def test_prepare_says_what_became_of_the_files_and_where_the_set_is(folder, tmp_path, capsys):
    out = tmp_path / "set"
    assert main(["prepare", str(folder), "--size", "32", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "71 pictures from 72 files",
        "     1 refused: not a picture",
        "     1 kept, the same as another, pixel for pixel",
        f"prepared set  {out}",
    ]
    assert sorted(path.name for path in out.iterdir()) == [".lock", "images.npy", "manifest.json"]


def test_a_prepared_set_trains(folder, tmp_path, capsys):
    out, run = tmp_path / "set", tmp_path / "run"
    assert main(["prepare", str(folder), "--size", "64", "--crop", "pad", "--out", str(out)]) == 2
    assert "71 smaller than 64 px, 1 not a picture" in capsys.readouterr().err
    assert main(["prepare", str(folder), "--size", "32", "--crop", "pad", "--out", str(out)]) == 0
    train = [
        "train",
        "portraits64",
        "--data",
        str(out),
        "--run",
        str(run),
        "--device",
        "cpu",
        "--kimg",
        "0.01",
    ]
    assert main([*train, "--kimg", "0.01", "--set", "size=32", "width=2", "batch_size=8"]) == 0
    assert "of pictures are held in the memory of cpu" in capsys.readouterr().out


def test_the_place_of_a_set_is_printed_if_none_was_named(folder, cache, capsys):
    assert main(["prepare", str(folder), "--size", "32"]) == 0
    place = capsys.readouterr().out.splitlines()[-1].split()[-1]
    assert place.startswith(str(cache / "ganlib" / "art-32-"))


def test_duplicates_are_dropped_when_asked(folder, tmp_path, capsys):
    command = ["prepare", str(folder), "--size", "32", "--drop-duplicates", "--drop-near-duplicates"]
    assert main([*command, "--out", str(tmp_path / "set")]) == 0
    assert "70 pictures from 72 files" in capsys.readouterr().out
    settings = json.loads((tmp_path / "set" / "manifest.json").read_text())["settings"]
    assert settings["drop_duplicates"] is settings["drop_near_duplicates"] is True


def test_the_report_is_written_also_where_pictures_are_too_few(folder, tmp_path, capsys):
    out = tmp_path / "set"
    assert main(["prepare", str(folder), "--size", "32", "--out", str(out), "--report"]) == 0
    assert f"report        {out / 'report.html'}" in capsys.readouterr().out
    (out / "report.html").unlink()
    assert main(["prepare", str(folder), "--size", "128", "--out", str(out), "--report"]) == 2
    shown = capsys.readouterr()
    assert "Too few pictures" in shown.err
    assert "smaller than 128 px" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no art 'nowhere'"),
        (["{folder}", "--size", "100"], "power of two"),
        (["{folder}", "--crop", "oval"], "There is no crop 'oval'"),
        (["{folder}", "--via", "pigeon"], "There is no way 'pigeon'"),
        (["portraits"], "prepared already"),
        (["{folder}", "--out", "{folder}/001.png"], "cannot be a folder"),
    ],
)
def test_a_mistake_is_a_sentence(folder, arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(["prepare", *(argument.format(folder=folder) for argument in arguments)]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("ganlib: ")
    assert message in shown
    assert "Traceback" not in shown


def test_a_data_set_of_kaggle_is_prepared_by_its_name(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "fetch", lambda handle: folder)
    assert main(["prepare", "owner/name", "--size", "32"]) == 0
    assert "name-32-" in capsys.readouterr().out


INTERRUPTED = """
import signal, sys
from ganlib.cli import main
from ganlib.data import readers as folder
class Folder(folder.FolderPictures):
    def __iter__(self):
        for number, found in enumerate(super().__iter__()):
            if number == 40:
                signal.raise_signal(signal.SIGINT)
            yield found
from ganlib.data import sources
sources.FolderPictures = Folder
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_ends_with_a_sentence_and_leaves_nothing_half_written(folder, tmp_path):
    out = tmp_path / "set"
    command = [sys.executable, "-c", INTERRUPTED, "prepare", str(folder), "--size", "32", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.strip().splitlines()[-1] == "ganlib: interrupted; nothing half-written was left behind"
    assert "Traceback" not in done.stderr
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_help_names_every_choice(capsys):
    with pytest.raises(SystemExit):
        main(["prepare", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for word in (
        "--size",
        "--crop",
        "tiles",
        "--out",
        "--via",
        "'kaggle', 'opendatasets' or 'huggingface'",
        "--report",
        "--drop-near",
        "owner/name",
    ):
        assert word in shown


def test_a_run_among_the_pictures_is_never_taken_for_pictures(folder, monkeypatch, capsys):
    """`train … --data . --run runs/x`, as one types it in the folder of the pictures."""
    monkeypatch.chdir(folder)
    small, seen = ["--device", "cpu", "--set", "size=32", "width=2", "batch_size=8"], set()
    for run, kimg in (("runs/x", "0.01"), ("runs/x", "0.02"), ("runs/y", "0.01"), ("here", "0.01")):
        assert main(["train", "portraits64", "--data", ".", "--run", run, "--kimg", kimg, *small]) == 0
        seen.add(trained_on(Run(folder / run))["fingerprint"])
    assert len(seen) == 1
    assert main(["sample", "runs/x", "--out", "samples.png"]) == 0
    assert main(["sample", "runs/x", "--files", "--count", "3", "--out", "painted", "--format", "jpg"]) == 0
    assert main(["animate", "runs/x", "--out", "film.gif"]) == 0
    assert main(["share", "runs/x", "--out", "given"]) == 0
    assert main(["prepare", ".", "--size", "32", "--out", "set", "--report"]) == 0
    shutil.copytree("runs/x/samples", "kept")
    assert main(["prepare", ".", "--size", "32", "--out", "other"]) == 0
    manifest = read_manifest(folder / "other")
    assert manifest.pictures() == 71
    assert {path.split("/")[0] for path in (entry.path for entry in manifest.used())} == {
        path.name for path in folder.glob("*.png") if path.name != "samples.png"
    }
    aside = {entry.path.split("/")[0] for entry in manifest.refused() if entry.reason == "written by ganlib"}
    assert aside == {"runs", "here", "samples.png", "painted", "film.gif", "given", "set", "kept"}


def test_a_run_in_the_very_folder_of_the_pictures_trains_on_none_of_its_own(folder, monkeypatch):
    monkeypatch.chdir(folder)
    small = ["--device", "cpu", "--set", "size=32", "width=2", "batch_size=8"]
    for kimg in ("0.01", "0.02"):
        assert main(["train", "portraits64", "--data", ".", "--run", ".", "--kimg", kimg, *small]) == 0
    assert main(["prepare", ".", "--size", "32", "--out", "set"]) == 0
    assert read_manifest(folder / "set").pictures() == 71
