"""The card tells of the pictures, the training, the figures and the faults, and what it tells is true."""

import dataclasses
import json
import os
import re
import shutil

import pytest
import torch
import yaml

import ganlib
from ganlib.errors import GanlibError
from ganlib.hub.card import home
from ganlib.weights import save_generator


def card_of(run, **told):
    return (ganlib.share(run, **told) / "README.md").read_text(encoding="utf-8")


def test_what_was_trained_on_what(run):
    text = card_of(run, data="sixty soft squares", licence="CC0 1.0")
    for told in ("# soft\n", "`test`", "32 x 32", "8 random numbers", "(samples.png)", "seeds 0 to 35"):
        assert told in text
    assert "| trained on | sixty soft squares |" in text
    assert "| licence of the weights | CC0 1.0 |" in text
    assert "| length | less than a thousand pictures shown |" in text
    assert "Nobody has measured it" in text


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("CC0 1.0", "cc0-1.0"),
        ("CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("cc-by-4.0", "cc-by-4.0"),
        ("MIT", "mit"),
        ("mine: ask me", "other"),
        (None, "unknown"),
    ],
)
def test_the_head_is_what_the_hub_reads(run, licence, name):
    _, head, _ = card_of(run, licence=licence).split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": name,
        "library_name": "ganlib",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "pytorch"],
    }


def test_of_pictures_of_one_s_own_the_run_knows_how_many_there_were(run, art):
    text = card_of(run)
    assert f"| trained on | {len(art.train)} pictures, it is not stated which |" in text
    assert "| licence of the weights | not stated: ask whoever made it |" in text
    run.checkpoint_file.unlink()
    run.previous_checkpoint_file.unlink(missing_ok=True)
    assert "| trained on | not stated |" in card_of(run)


@pytest.mark.parametrize(
    ("name", "told"), [("portraits", "4,000 pictures. Remix of „Open Peeps”"), ("patchwork", "300 pictures.")]
)
def test_bundled_pictures_and_their_licence_are_known(tmp_path, recipe, name, told):
    art = ganlib.load_art(name, 32)
    run = ganlib.Trainer(recipe, art, tmp_path / "run", callbacks=[], device="cpu").fit(kimg=0.02)
    text = card_of(run)
    assert f"| trained on | `{name}`, {told}" in text
    assert "| licence of the weights | CC0 1.0 |" in text
    assert "\nlicense: cc0-1.0\n" in text


def test_pictures_that_are_only_as_many_are_not_taken_for_bundled_ones(tmp_path, recipe):
    art = ganlib.load_art("patchwork", 32)
    art = type(art)(255 - art.images, "negatives")
    run = ganlib.Trainer(recipe, art, tmp_path / "run", callbacks=[], device="cpu").fit(kimg=0.02)
    text = card_of(run)
    assert f"| trained on | {len(art.train)} pictures, it is not stated which |" in text
    assert "\nlicense: unknown\n" in text


def test_the_licence_of_bundled_pictures_is_not_that_of_others(tmp_path, recipe):
    run = ganlib.Trainer(recipe, "patchwork", tmp_path / "run", callbacks=[], device="cpu").fit(kimg=0.02)
    assert "\nlicense: unknown\n" in card_of(run, data="my paintings")


def test_a_table_stays_a_table(run):
    text = card_of(run, data="mine | yours\nand ours")
    assert "| trained on | mine \\| yours and ours |\n" in text


def test_the_snippet_paints(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = ganlib.share(run)
    text = (folder / "README.md").read_text(encoding="utf-8")
    snippet = text.partition("```python\n")[2].partition("```")[0]
    names = {}
    exec(snippet.replace("path/to/this/folder", str(folder)), names)
    assert names["pictures"].shape == (16, 3, 32, 32)
    assert (tmp_path / "pictures.png").is_file()


def test_it_says_where_ganlib_is(run, monkeypatch):
    monkeypatch.setattr("ganlib.hub.card.home", lambda: "https://example.org/ganlib")
    assert "`pip install git+https://example.org/ganlib`" in card_of(run)
    monkeypatch.setattr("ganlib.hub.card.home", lambda: "")
    assert "pip install" not in card_of(run)


def test_home_is_what_pyproject_or_an_installed_package_says(tmp_path, monkeypatch):
    place = tmp_path / "ganlib" / "hub" / "card.py"
    monkeypatch.setattr("ganlib.hub.card.__file__", str(place))
    monkeypatch.setattr(
        "ganlib.hub.card.metadata",
        lambda name: {"ganlib": Lines("Issues, https://e.org/i", "Repository, https://e.org/a")}[name],
    )
    assert home() == "https://e.org/a"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ganlib"\n')
    assert home() == ""
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://e.org/b"\n')
    assert home() == "https://e.org/b"


class Lines:
    """The metadata of a package: all lines of one kind."""

    def __init__(self, *lines):
        self.lines = lines

    def get_all(self, name):
        assert name == "Project-URL"
        return list(self.lines)


@pytest.fixture(scope="module")
def quality():
    return ganlib.measure_quality(ganlib.load("portraits")[0], ganlib.load_art("portraits"), count=60)


def keep(quality, run):
    path = run.folder / "quality.json"
    path.write_text(json.dumps(quality.to_json()))
    return path


def changed(quality, precision, recall, ratio):
    full = quality.manifold.full._replace(precision=precision, recall=recall)
    return dataclasses.replace(quality, manifold=quality.manifold._replace(full=full), neighbour_ratio=ratio)


def test_the_figures(run, quality):
    keep(changed(quality, 0.9, 0.85, 1.0), run)
    text = card_of(run)
    kid, baseline = (round(figures.kid.half.mean) for figures in (quality, quality.baseline))
    assert f"| KID at half size, times 1,000 (0 is as real) | {kid:,} | {baseline:,} |" in text
    assert f"| recall (low: kinds of picture are left out) | 0.85 | {quality.baseline.recall:.2f} |" in text
    seen = f"As `lite0` sees 60 of its pictures next to {quality.real:,} {quality.real_are}"
    assert seen in text
    assert text.partition("## Known faults\n\n")[2].startswith("- It knows nothing but")


@pytest.mark.parametrize(
    ("figures", "fault"),
    [
        ((0.01, 0.9, 1.0), "do not look real: its precision is 0.01."),
        ((0.9, 0.01, 1.0), "It leaves out kinds of picture: its recall is 0.01."),
        ((0.9, 0.9, 0.4), "comes close to copying: its pictures lie 0.40 times as far"),
    ],
)
def test_figures_that_are_bad_are_faults(run, quality, figures, fault):
    keep(changed(quality, *figures), run)
    faults = card_of(run).partition("## Known faults")[2].partition("##")[0]
    assert fault in faults
    assert faults.count("\n- ") == 2


def test_figures_from_before_the_last_training_are_told_from_new_ones(run, quality):
    path = keep(quality, run)
    written = run.generator_file.stat().st_mtime
    for seconds, is_old in ((60, False), (-60, True)):
        os.utime(path, (written + seconds, written + seconds))
        assert ("older than the weights" in card_of(run)) == is_old


def test_warnings_of_the_training_are_faults_with_their_time(run):
    warning = {"name": "collapse", "seen": "All pictures are alike.", "advice": "Try again."}
    rows = [
        {"step": step, "kimg": kimg, "seconds": 2 * kimg, "warnings": [warning]}
        for step, kimg in ((3, 4.0), (6, 2000.4))
    ]
    run.log_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    save_generator(ganlib.load(run.folder)[0], run.recipe(), 2000.4, run.generator_file)
    text = card_of(run)
    assert text.count("- Seen in training, at 4.0 thousand pictures: All pictures are alike.\n") == 1
    assert text.count("All pictures are alike") == 1
    assert "| length | 2,000 thousand pictures shown, 66.7 minutes |" in text
    assert "| weights | the last of the training |" in text


def test_the_best_weights_are_told_of_as_they_were_then(run, tmp_path):
    late = {"name": "worse", "seen": "It is past its best.", "advice": "Stop."}
    rows = [
        {"step": 3, "kimg": 40.0, "seconds": 600.0},
        {"step": 6, "kimg": 90.0, "seconds": 900.0, "warnings": [late]},
    ]
    run.log_file.write_text("".join(json.dumps({"seconds": 900.0} | row) + "\n" for row in rows))
    save_generator(run.recipe().generator(), run.recipe(), 40.0, run.best_file)
    folder = ganlib.share(run, best=True, out=tmp_path / "best")
    best, last, given = (ganlib.load(place)[0] for place in (run.best_file, run.folder, folder))
    assert all(torch.equal(a, b) for a, b in zip(given.parameters(), best.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(given.parameters(), last.parameters(), strict=True))
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "| weights | those with the best score of the training |" in text
    assert "| length | 40 thousand pictures shown, 10.0 minutes |" in text
    assert "past its best" not in text
    config = json.loads((folder / "config.json").read_text())
    assert (config["kimg"], config["generator"], config["size"]) == (40.0, "DCGANGenerator", 32)
    assert config["recipe"]["name"] == "test"


def test_best_weights_that_are_not_there_are_named(run):
    with pytest.raises(GanlibError, match=r"holds no best\.safetensors: no score was taken"):
        ganlib.share(run, best=True)
    assert not (run.folder / "share").exists()


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_damaged_figures_are_named(run, content):
    (run.folder / "quality.json").write_text(content)
    with pytest.raises(GanlibError, match=r"quality\.json' is damaged: remove it, or evaluate the run"):
        ganlib.share(run)
    assert not (run.folder / "share").exists()


def test_a_damaged_checkpoint_costs_what_it_says_of_the_pictures_and_no_more(run):
    shutil.rmtree(run.folder / "share", ignore_errors=True)
    for path in run.checkpoints:
        path.write_bytes(b"torn")
    assert "| trained on | not stated |" in card_of(run)
    assert torch.isfinite(ganlib.generate(ganlib.load(run.folder)[0], torch.zeros(1, 8))).all()


def test_odd_names_break_neither_heading_nor_table(run, tmp_path):
    odd = shutil.copytree(run.folder, tmp_path / "two\nlines")
    text = card_of(odd, data="a\\|b\nc|d")
    assert "\n# two lines\n" in text
    assert "| trained on | a\\\\\\|b c\\|d |" in text


def test_what_strangers_wrote_stays_text(run):
    """Recipe, warnings and words about the pictures mean nothing in Markdown, wherever they stand."""
    bad = "x\n\n# Owned <script>alert(1)</script> | ![p](http://e.org/p.png) `c` **b**\x1b[31m"
    recipe = json.loads(run.recipe_file.read_text(encoding="utf-8"))
    run.recipe_file.write_text(json.dumps(recipe | {"name": bad, "about": bad}))
    warning = {"name": bad, "seen": bad, "advice": bad}
    run.append_log({"step": 1, "kimg": 0.01, "seconds": 1.0, "warnings": [warning]})
    text = card_of(run, data=bad, licence=bad)
    assert text.count("\n# ") == 1 and "# soft\n" in text
    assert "\x1b" not in text
    prose = "".join(part for n, part in enumerate(text.split("`")) if n % 2 == 0)  # what is no code
    for harm in ("<script", "](http", "**b"):
        assert harm not in prose
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.split(r"(?<!\\)\|", line)) in {4, 5} for line in table)
    assert "&lt;script" in text and "Seen in training" in text


def test_a_name_of_a_folder_is_a_heading_and_nothing_else(run):
    folder = run.folder.rename(run.folder.with_name("a\n# b <i>"))
    assert "\n# a \\# b &lt;i" in card_of(ganlib.run.Run(folder))
