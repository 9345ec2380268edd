"""Under CI=true a skipped test fails the run, but for those that need a GPU."""

from pathlib import Path

import nbformat
import pytest

SKIPS = """
import pytest

{mark}
def test_it():
    pytest.skip("not today")
"""


def run(pytester: pytest.Pytester, source: str) -> dict[str, int]:
    pytester.makeconftest((Path(__file__).parent.parent / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = gpu: needs an accelerator")
    pytester.makepyfile(source)
    return pytester.runpytest("-p", "no:cacheprovider").parseoutcomes()


def test_a_skipped_test_fails_under_ci(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert run(pytester, SKIPS.format(mark="")) == {"failed": 1}


def test_a_skipped_module_fails_under_ci(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    outcomes = run(pytester, "import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass")
    assert outcomes == {"errors": 1}


def test_the_rule_holds_for_notebooks_too(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    page = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    page.cells = [nbformat.v4.new_code_cell("1", metadata={"tags": ["nbval-skip"]})]
    folder = pytester.mkdir("notebooks")
    nbformat.write(page, folder / "skips.ipynb")
    pytester.makeconftest((Path(__file__).parent.parent / "conftest.py").read_text())
    outcomes = pytester.runpytest("-p", "no:cacheprovider", "--nbval-lax", "notebooks").parseoutcomes()
    assert outcomes["failed"] == 1
    assert "skipped" not in outcomes


def test_a_gpu_test_may_be_skipped_under_ci(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert run(pytester, SKIPS.format(mark="@pytest.mark.gpu")) == {"skipped": 1}


def test_at_home_tests_may_be_skipped_and_are_told_at_the_end(pytester, monkeypatch):
    monkeypatch.setenv("CI", "false")
    pytester.makeconftest((Path(__file__).parent.parent / "conftest.py").read_text())
    pytester.makepyfile(SKIPS.format(mark='@pytest.mark.parametrize("_", [1, 2])').replace("it():", "it(_):"))
    result = pytester.runpytest("-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"skipped": 2}
    result.stdout.fnmatch_lines(["=* left out =*", "2 tests: not today"])
