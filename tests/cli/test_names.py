"""Names that no file can have, or that a terminal would obey, given to every verb that takes one."""

import pytest
from PIL import Image

from ganlib.cli import main

NAMES = {
    "256 letters": "n" * 256,
    "5,000 letters": "/".join(["n" * 200] * 25),
    "a NUL": "a\0b",
    "no text": "\ud800",
}
VERBS = [
    ["train", "auto", "--run", "NAME"],
    ["train", "portraits64", "--run", "NAME", "--device", "cpu"],
    ["train", "NAME.json", "--run", "run"],
    ["recipes", "show", "NAME.json"],
    ["runs", "NAME"],
    ["runs", "compare", "NAME", "NAME"],
    ["animate", "NAME"],
    ["sample", "NAME"],
    ["interpolate", "NAME", "1", "2"],
    ["interpolate", "portraits", "1", "NAME"],
    ["explore", "NAME"],
    ["project", "photo.png", "NAME"],
    ["evaluate", "NAME"],
    ["share", "NAME"],
    ["export", "NAME"],
]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_name_that_no_file_can_have_is_one_sentence(words, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 40)).save("photo.png")
    assert main([word.replace("NAME", name) for word in words]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith("ganlib: ") and told[0].isprintable()
    assert not (tmp_path / "run").exists()
