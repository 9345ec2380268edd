"""The project's address stands in pyproject.toml, and everywhere else as it follows from there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import publish
from tools.links import local

ROOT = Path(__file__).parents[2]
RAW = "https://raw.githubusercontent.com/somebody/gan-art/v0.2.0"
PAGES = "https://github.com/somebody/gan-art/blob/v0.2.0"


@pytest.fixture
def project(tmp_path):
    """What names the address, and what is linked from there."""
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "ganlib").mkdir()
    shutil.copy(ROOT / "ganlib" / "__init__.py", tmp_path / "ganlib")
    for name in ("notebooks", "docs", "data", "benchmarks"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "patchwork")
        )
    return tmp_path


def source(project, page, name):
    return next(
        cell.source
        for cell in nbformat.read(project / "notebooks" / f"{page}.ipynb", as_version=4).cells
        if cell.id == name
    )


def texts(project):
    paths = [*(project / "notebooks").glob("*.ipynb"), project / "README.md", project / "pyproject.toml"]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def test_everything_says_what_pyproject_says():
    assert publish.differing(ROOT) == []


def test_the_address_gets_everywhere(project, capsys):
    assert publish.main(["--repo", "somebody/gan-art"], project) == 0
    assert "README.md" in capsys.readouterr().out
    title = source(project, "02_gan_theory", "title")
    colab = (
        "https://colab.research.google.com/github/somebody/gan-art/blob/v0.2.0/notebooks/02_gan_theory.ipynb"
    )
    assert f"({colab})" in title
    assert f"({RAW}/notebooks/covers/02_gan_theory.webp)" in title
    assert f"({PAGES}/notebooks/glossary.md#" in title
    assert "(01_dataset.ipynb)" in title
    setup = source(project, "02_gan_theory", "setup")
    assert 'ADDRESS, TAG = "https://github.com/somebody/gan-art", "v0.2.0"' in setup
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert readme.count("colab-badge.svg") == 10
    assert "git clone https://github.com/somebody/gan-art" in readme
    assert "not yet" not in readme
    assert "no public address" not in readme
    assert "not published" not in "".join(texts(project).values())


def test_another_address_takes_its_place_and_none_brings_back_what_was(project):
    before = texts(project)
    publish.main(["--repo", "somebody/gan-art"], project)
    publish.main(["--repo", "else/course"], project)
    assert "somebody/gan-art" not in "".join(texts(project).values())
    assert publish.main(["--check"], project) == 0
    publish.main(["--repo", "none"], project)
    assert texts(project) == before


@pytest.mark.parametrize("name", ["README.md", "notebooks/07_latent_space.ipynb"])
def test_a_file_that_differs_is_named(project, name, capsys):
    publish.main(["--repo", "somebody/gan-art"], project)
    file = project / name
    file.write_text(file.read_text("utf-8").replace("somebody/gan-art", "somebody/other"), "utf-8")
    capsys.readouterr()
    assert publish.main(["--check"], project) == 1
    assert capsys.readouterr().out.startswith(f"{name} differs")


def test_a_stored_output_and_a_changed_setup_cell_are_differences(project):
    path = project / "notebooks" / "07_latent_space.ipynb"
    page = nbformat.read(path, as_version=4)
    cell = next(cell for cell in page.cells if cell.cell_type == "code" and not cell.outputs)
    cell.outputs = [nbformat.v4.new_output("stream", text="left over\n")]
    nbformat.write(page, path)
    assert publish.differing(project) == [path]
    publish.main([], project)
    assert publish.differing(project) == []
    setup = next(cell for cell in page.cells if cell.id == "setup")
    setup.source += "\nprint(1)"
    nbformat.write(page, path)
    assert publish.differing(project) == [path]


def test_a_version_is_a_tag(project):
    publish.main(["--repo", "somebody/gan-art"], project)
    package = project / "ganlib" / "__init__.py"
    package.write_text(package.read_text("utf-8").replace('"0.2.0"', '"1.2.0"'), "utf-8")
    assert len(publish.differing(project)) == 11
    publish.main([], project)
    assert 'TAG = "https://github.com/somebody/gan-art", "v1.2.0"' in source(project, "01_dataset", "setup")
    assert "v0.2.0" not in "".join(texts(project).values())


@pytest.mark.parametrize("name", ["gan-art", "a/b/c", "https://github.com/a/b", "a b/c", "a/b.git"])
def test_a_repository_is_owner_and_name(project, name, capsys):
    before = texts(project)
    with pytest.raises(SystemExit):
        publish.main(["--repo", name], project)
    assert f"owner/name, not '{name}'" in capsys.readouterr().err
    assert texts(project) == before


def test_links_inside_the_project_go_out_and_come_back():
    address = publish.Address("https://github.com/a/b", "v1.0.0")
    text = (
        "See [a word](glossary.md#kid), ![a picture](covers/x.webp), [more](../docs/using.md), "
        "[next](03_generator.ipynb), [a paper](https://arxiv.org/abs/1), [above](#top)"
    )
    out = publish.outward(text, address)
    assert "[a word](https://github.com/a/b/blob/v1.0.0/notebooks/glossary.md#kid)" in out
    assert "![a picture](https://raw.githubusercontent.com/a/b/v1.0.0/notebooks/covers/x.webp)" in out
    assert "[more](https://github.com/a/b/blob/v1.0.0/docs/using.md)" in out
    for same in ("[next](03_generator.ipynb)", "[a paper](https://arxiv.org/abs/1)", "[above](#top)"):
        assert same in out
    assert local(out) == text
    assert publish.outward(text, publish.Address("", "v1.0.0")) == text


def test_a_published_project_passes_the_tests_of_its_pages(tmp_path):
    kept = shutil.ignore_patterns(".venv*", ".git", "runs", "__pycache__", ".*_cache", "dist", "build")
    shutil.copytree(ROOT, tmp_path / "project", ignore=kept, symlinks=True)
    publish.main(["--repo", "somebody/gan-art"], tmp_path / "project")
    files = ["tests/notebooks/test_pages.py", "tests/tools/test_links.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files]
    done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d{3} passed", done.stdout)


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_link_that_leads_nowhere_is_told(project, arguments, capsys):
    (project / "docs" / "using.md").rename(project / "docs" / "used.md")
    assert publish.main(arguments, project) == 1
    assert "README.md has a link that leads nowhere: docs/using.md" in capsys.readouterr().out
