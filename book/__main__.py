"""The course as a website that needs no network: `python -m book` writes build/book/index.html.

The texts are those of the notebooks as they are now, the outputs those of the executed pages in
runs/notebooks. A notebook whose code has changed since then, or that was never executed, is executed first,
in full and on the CPU; how long that will take is said before.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from benchmarks.notebooks.keeping import keep
from benchmarks.notebooks.ledger import read_ledger
from benchmarks.notebooks.running import run
from book.outputs import is_current, with_outputs
from ganlib.errors import GanlibError
from notebooks.links import local

_ROOT = Path(__file__).parents[1]
_TEXTS = ("CONTRIBUTING.md", "LICENSE", "benchmarks/RESULTS.md", "data/README.md", "notebooks/glossary.md")
_USER_MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute what has to be, and write the website; exit code 2 for a mistake."""
    options = _parser().parse_args(arguments)
    paths = sorted((_ROOT / "notebooks").glob("*.ipynb"))
    try:
        _check_place(options.out)
        execute([path for path in paths if not _is_done(path, options.executed)], options.executed)
    except GanlibError as error:
        print(error, file=sys.stderr)
        return _USER_MISTAKE
    return write(paths, options.executed, options.out)


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("book", description=__doc__, formatter_class=about)
    add = parser.add_argument
    add("--out", type=Path, default=_ROOT / "build" / "book", help="for the website (build/book)")
    add("--executed", type=Path, default=_ROOT / "runs" / "notebooks", help="the pages (runs/notebooks)")
    return parser


def _check_place(out: Path) -> None:
    """Raise `GanlibError` if something else than a website would be lost there."""
    if out.exists() and not (out / "searchindex.js").is_file() and (out.is_file() or any(out.iterdir())):
        raise GanlibError(f"'{out}' holds something else than the website: name another folder with --out.")


def _is_done(path: Path, executed: Path) -> bool:
    done = executed / path.name
    return done.exists() and is_current(_read(path), _read(done))


def execute(paths: Sequence[Path], executed: Path) -> None:
    """Execute these notebooks in full, one after the other, and keep the pages in `executed`.

    Raises:
        GanlibError: a cell failed.
    """
    if paths:
        print(announcement(paths), flush=True)
    with TemporaryDirectory(prefix="book-cache-") as cache:
        for path in paths:
            page, _ = run(path, Path(cache))
            keep(page, path, executed)


def announcement(paths: Sequence[Path]) -> str:
    """Which notebooks will be executed, and how long that took where it was measured."""
    measured = read_ledger(_ROOT / "notebooks" / "minutes.json")
    known = [measured[path.stem].cpu for path in paths if path.stem in measured]
    names = ", ".join(path.stem for path in paths)
    return (
        f"To be executed, for they have changed or never were: {names}. Undisturbed on two cores of an AMD "
        f"EPYC that took {sum(known):.1f} minutes."
    )


def write(paths: Sequence[Path], executed: Path, out: Path) -> int:
    """Write the website of these notebooks and all texts into `out`; the exit code of Sphinx."""
    from sphinx.cmd.build import main as sphinx

    shutil.rmtree(out, ignore_errors=True)
    with TemporaryDirectory(prefix="book-") as name:
        source = Path(name)
        gather(paths, executed, source, out / "pictures")
        code = sphinx(
            ["-q", "-W", "--keep-going", "-c", str(_ROOT / "book"), "-d", f"{name}/.built", name, str(out)]
        )
    if not code:
        print(f"The website is written: open {out / 'index.html'}")
    return code


def gather(paths: Sequence[Path], executed: Path, source: Path, pictures: Path) -> None:
    """Lay out in `source`, as in the project's folder, what the website is made of."""
    pictures.mkdir(parents=True)
    for folder in ("docs", "notebooks/covers"):
        shutil.copytree(_ROOT / folder, source / folder)
    measured = (str(path.relative_to(_ROOT)) for path in (_ROOT / "benchmarks").glob("*.png"))
    for text in (*_TEXTS, *measured):
        (source / text).parent.mkdir(exist_ok=True)
        shutil.copy(_ROOT / text, source / text)
    start = [(_ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "book/contents.md")]
    (source / "index.md").write_text("\n".join(start), encoding="utf-8")
    for path in paths:
        page = with_outputs(_read(path), _read(executed / path.name), pictures)
        for cell in page.cells:
            if cell.cell_type == "markdown":
                cell.source = local(cell.source)
        nbformat.write(page, source / "notebooks" / path.name)


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


if __name__ == "__main__":
    sys.exit(main())
