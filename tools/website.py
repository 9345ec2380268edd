"""The course as a website that needs no network: `python -m tools.website` writes build/website/index.html.

The texts are those of the notebooks as they are now, the outputs those of the executed pages in
runs/notebooks. A notebook whose code has changed since then, or that was never executed, is executed first,
in full and on the CPU; how long that will take is said before. The pages of the library are made from its
docstrings.
"""

import argparse
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from copy import deepcopy
from hashlib import sha256
from mimetypes import guess_extension
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

import ganlib
from ganlib.errors import GanlibError
from tools.links import local
from tools.minutes import LEDGER, read_ledger
from tools.running import execute, keep

_ROOT = Path(__file__).parents[1]
_SETTINGS = _ROOT / "docs" / "website"
_TEXTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "benchmarks/RESULTS.md",
    "benchmarks/minutes.json",
    "data/README.md",
    "data/weights/patchwork.json",
    "data/weights/portraits.json",
    "notebooks/glossary.md",
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_EMBEDDED = re.compile(r'src="data:([\w/+.-]+);base64,([^"]+)"')
_USER_MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute what has to be, and write the website; exit code 2 for a mistake."""
    options = _parser().parse_args(arguments)
    paths = sorted((_ROOT / "notebooks").glob("*.ipynb"))
    try:
        _check_place(options.out)
        execute_all([path for path in paths if not _is_done(path, options.executed)], options.executed)
    except GanlibError as error:
        print(error, file=sys.stderr)
        return _USER_MISTAKE
    return write(paths, options.executed, options.out)


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("tools.website", description=__doc__, formatter_class=about)
    add = parser.add_argument
    add("--out", type=Path, default=_ROOT / "build" / "website", help="for the pages (build/website)")
    add("--executed", type=Path, default=_ROOT / "runs" / "notebooks", help="outputs (runs/notebooks)")
    return parser


def _check_place(out: Path) -> None:
    """Raise `GanlibError` if something else than a website would be lost there."""
    if out.exists() and not (out / "searchindex.js").is_file() and (out.is_file() or any(out.iterdir())):
        raise GanlibError(f"'{out}' holds something else than the website: name another folder with --out.")


def _is_done(path: Path, executed: Path) -> bool:
    done = executed / path.name
    return done.exists() and is_current(_read(path), _read(done))


def execute_all(paths: Sequence[Path], executed: Path) -> None:
    """Execute these notebooks in full, one after the other, and keep the pages in `executed`.

    Raises:
        GanlibError: a cell failed.
    """
    if paths:
        print(announcement(paths), flush=True)
    with TemporaryDirectory(prefix="website-cache-") as cache:
        for path in paths:
            page = _read(path)
            execute(page, path, Path(cache))
            keep(page, path, executed)


def announcement(paths: Sequence[Path]) -> str:
    """Say which notebooks will be executed, and how long that took where it was measured."""
    measured = read_ledger(LEDGER)
    known = [measured[path.stem].cpu for path in paths if path.stem in measured]
    names = ", ".join(path.stem for path in paths)
    return (
        f"To be executed, for they have changed or never were: {names}. Undisturbed on two cores of an AMD "
        f"EPYC that took {sum(known):.1f} minutes."
    )


def write(paths: Sequence[Path], executed: Path, out: Path) -> int:
    """Write the website of these notebooks and all texts into `out`, and return the exit code of Sphinx."""
    from sphinx.cmd.build import main as sphinx

    shutil.rmtree(out, ignore_errors=True)
    with TemporaryDirectory(prefix="website-") as name:
        gather(paths, executed, Path(name), out / "pictures")
        settings = ["-c", str(_SETTINGS), "-d", f"{name}/.built"]
        code = sphinx(["-q", "-W", "--keep-going", *settings, name, str(out)])
    if not code:
        print(f"The website is written: open {out / 'index.html'}")
    return code


def gather(paths: Sequence[Path], executed: Path, source: Path, pictures: Path) -> None:
    """Lay out in `source`, as in the project's folder, what the website is made of."""
    pictures.mkdir(parents=True)
    shutil.copytree(_ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns(_SETTINGS.name))
    shutil.copytree(_ROOT / "notebooks" / "covers", source / "notebooks" / "covers")
    measured = (str(path.relative_to(_ROOT)) for path in (_ROOT / "benchmarks").glob("*.png"))
    for text in (*_TEXTS, *measured):
        (source / text).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / text, source / text)
    start = [path.read_text(encoding="utf-8") for path in (_ROOT / "README.md", _SETTINGS / "contents.md")]
    (source / "index.md").write_text("\n".join(start), encoding="utf-8")
    (source / "docs" / "library.rst").write_text(library(), encoding="utf-8")
    for path in paths:
        page = with_outputs(_read(path), _read(executed / path.name), pictures)
        for cell in page.cells:
            if cell.cell_type == "markdown":
                cell.source = local(cell.source)
        nbformat.write(page, source / "notebooks" / path.name)


def library() -> str:
    """Write the page of the library: its public names, classes first."""
    names = sorted(ganlib.__all__)
    classes = [name for name in names if isinstance(getattr(ganlib, name), type)]
    functions = [name for name in names if name not in classes]
    parts = ["The library\n===========", "What ``import ganlib`` offers.", ".. currentmodule:: ganlib"]
    parts += ["Classes\n-------", *(f".. autoclass:: {name}\n   :members:" for name in classes)]
    parts += ["Functions\n---------", *(f".. autofunction:: {name}" for name in functions)]
    return "\n\n".join(parts) + "\n"


def is_current(page: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> bool:
    """Tell whether the code is still that which was executed, cell by cell and in this order."""
    return list(_code(page)) == list(_code(executed))


def with_outputs(
    page: nbformat.NotebookNode, executed: nbformat.NotebookNode, pictures: Path
) -> nbformat.NotebookNode:
    """Give the texts of `page` the outputs of `executed`; embedded pictures become files in `pictures`.

    Of widgets, which are dead without a kernel, their still pictures remain.

    Raises:
        GanlibError: the code has changed since it was executed.
    """
    if not is_current(page, executed):
        raise GanlibError("This page's code has changed since it was executed: execute it once more.")
    tidy, _ = CoalesceStreamsPreprocessor().preprocess(deepcopy(executed), {})
    outputs = {cell.id: cell.outputs for cell in tidy.cells if cell.cell_type == "code"}
    whole = deepcopy(page)
    for cell in whole.cells:
        if cell.cell_type == "code":
            cell.outputs = [_still(output, pictures) for output in outputs[cell.id]]
    return whole


def _code(page: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    return ((cell.id, cell.source) for cell in page.cells if cell.cell_type == "code")


def _still(output: nbformat.NotebookNode, pictures: Path) -> nbformat.NotebookNode:
    data = output.get("data", {})
    data.pop(_WIDGET, None)
    if "text/html" in data:
        html = data["text/html"]
        data["text/html"] = _EMBEDDED.sub(lambda found: _as_file(found[1], found[2], pictures), html)
    return output


def _as_file(mimetype: str, data: str, pictures: Path) -> str:
    """Return the attribute `src` that names the file, as seen from a page one folder away."""
    content = b64decode(data)
    name = f"{sha256(content).hexdigest()[:16]}{guess_extension(mimetype) or ''}"
    (pictures / name).write_bytes(content)
    return f'src="../{pictures.name}/{name}"'


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


if __name__ == "__main__":
    sys.exit(main())
