"""The verbs `share` and `export` of the command line."""

import pytest

import ganlib
from ganlib.cli import main


def test_share_says_where_the_folder_is_and_how_it_is_loaded(run, capsys, tmp_path):
    out = tmp_path / "gift"
    told = ["--data", "soft squares", "--licence", "CC BY 4.0", "--out", str(out)]
    assert main(["share", str(run.folder), *told]) == 0
    assert capsys.readouterr().out == f'folder   {out}\nto load  ganlib.load("{out}")\n'
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "\nlicense: cc-by-4.0\n" in card
    assert "soft squares" in card
    assert ganlib.load(out)[1] == run.recipe()


@pytest.mark.parametrize("private", [True, False])
def test_share_goes_to_the_hub(run, hub, logged_in, capsys, private):
    flags = ["--private"] if private else []
    assert main(["share", str(run.folder), "--to", hub.model, *flags]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"page     {hub.url}/somebody/portraits",
        'to load  ganlib.load("somebody/portraits")',
    ]
    assert hub.visibility == ("private" if private else "public")
    assert len(hub.files) == 4


def test_export_takes_what_load_takes(run, hub, tmp_path, capsys, monkeypatch):
    hub.files["generator.safetensors"] = run.generator_file.read_bytes()
    monkeypatch.chdir(tmp_path)
    assert main(["export", hub.model]) == 0
    assert capsys.readouterr().out.startswith("generator.onnx: 0.")
    assert (tmp_path / "generator.onnx").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["share", "portraits"], "is no run folder"),
        (["share", "{run}", "--to", "portraits"], "called owner/name, not 'portraits'"),
        (["share", "{run}", "--to", "somebody/portraits"], "hf auth login"),
        (["share", "{run}", "--out", "{run}"], "holds other files"),
        (["share", "{run}", "--out", "{run}/recipe.json"], "a file stands there"),
        (["export", "nobody"], "no run folder, weights file or bundled model"),
        (["export", "nobody/nothing"], "neither a folder nor a model"),
        (["export", "{run}", "--out", "{run}/a.png"], "let it end in .onnx"),
    ],
)
def test_a_mistake_is_one_sentence(run, hub, capsys, arguments, message):
    assert main([argument.format(run=run.folder) for argument in arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("ganlib: ")
    assert shown.count("\n") == 1
    assert message in shown


@pytest.mark.parametrize(("verb", "example"), [("share", "--licence 'CC BY 4.0'"), ("export", "--out")])
def test_help_has_an_example(capsys, verb, example):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert example in " ".join(capsys.readouterr().out.split()).partition("such as: ")[2]
