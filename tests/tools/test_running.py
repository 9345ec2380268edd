"""A notebook runs beside the checkout; the rest is in tests/benchmarks/test_notebooks.py."""

from tools.running import mirror


def test_a_run_sees_the_checkout_and_writes_beside_it(tmp_path):
    folder = tmp_path / "course" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "01_page.ipynb").touch()
    (folder / "runs").mkdir()
    (folder.parent / "README.md").write_text("all about it")
    with mirror(folder) as place:
        assert (place.parent / "README.md").read_text() == "all about it"
        assert (place / "01_page.ipynb").exists()
        assert not (place / "runs").exists()
        (place / "runs").mkdir()
        (place / "runs" / "model").write_text("")
    assert not place.exists()
    assert list((folder / "runs").iterdir()) == []
    assert (folder / "01_page.ipynb").exists()
