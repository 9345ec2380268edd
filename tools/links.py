"""Links among the files of the project: each leads to a file that is there, and to a heading in it."""

import re
from pathlib import Path, PurePosixPath

import nbformat

_PLACES = ("*.md", "docs/*.md", "data/*.md", "benchmarks/*.md", "notebooks/*.md", "notebooks/*.ipynb")
GITHUB = "https://github.com/"
RAW = "https://raw.githubusercontent.com/"
TARGET = re.compile(r"(!?)(\[[^\[\]]*\])\(([^)\s]+)\)")
_LEADS_TO = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\$[^$\n]*\$", re.DOTALL)


def local(text: str) -> str:
    """Make the links of a notebook's text to any published page of the project relative, as inside it."""

    def inside(match: re.Match[str]) -> str:
        bang, name, target = match.groups()
        found = re.fullmatch(
            rf"(?:{GITHUB}[^/]+/[^/]+/blob|{RAW}[^/]+/[^/]+)/v[^/]+/(?P<file>[^#]+)(?P<anchor>#.*)?", target
        )
        if found is None:
            return match[0]
        return f"{bang}{name}({_from_notebooks(found['file'])}{found['anchor'] or ''})"

    return TARGET.sub(inside, text)


def _from_notebooks(file: str) -> str:
    path = PurePosixPath(file)
    return str(path.relative_to("notebooks")) if path.is_relative_to("notebooks") else f"../{file}"


def pages(root: Path) -> list[Path]:
    """List the files of the project at `root` in which links are followed."""
    return [path for place in _PLACES for path in sorted(root.glob(place))]


def targets(path: Path) -> list[str]:
    """List where the links of a file lead among files; published pages count as the files that they show."""
    found = _LEADS_TO.findall(_CODE.sub("", _text(path)))
    return [target for target in found if not target.startswith(("http://", "https://", "mailto:"))]


def lost(path: Path) -> list[str]:
    """List the links of a file that lead nowhere."""
    return [target for target in targets(path) if not _leads(path, target)]


def _leads(path: Path, target: str) -> bool:
    file, _, anchor = target.partition("#")
    place = (path.parent / file).resolve() if file else path
    return place.exists() and (not anchor or anchor in _anchors(place))


def _text(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(local(cell.source) for cell in cells if cell.cell_type == "markdown")


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", _text(path), re.MULTILINE)
    plain = [re.sub(r"\]\([^)]*\)|[`*\[]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
