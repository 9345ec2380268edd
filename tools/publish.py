"""Write the project's address into badges, setup cells, links and README, or see that it stands there.

pyproject.toml is where it is kept: `Repository` under [project.urls]; the tag is the version in
ganlib/__init__.py. What names the address is written from there: `python -m tools.publish` does it, `--repo
owner/name` sets it first, `--repo none` takes it out, and `--check` changes nothing but says what differs.
Links from a notebook to what is no notebook lead to the published page, as Colab opens a notebook alone;
until there is one they stay inside the project.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools.links import GITHUB, RAW, TARGET, local, lost, pages
from tools.refresh import strip

_ROOT = Path(__file__).parents[1]
SETUP_CELL = Path(__file__).with_name("setup_cell.py")
_COLAB = "https://colab.research.google.com"
_BADGE = re.compile(
    rf"\[!\[Open this notebook in Google Colab\]\({re.escape(_COLAB)}/assets/colab-badge\.svg\)\]\([^)]*\)"
)
_NO_BADGE = "**Colab:** not published yet. Clone the project, type `make lab`, and open this notebook there."
_NO_BADGE_IN_TABLE = "not yet"
_NO_CLONE = "Clone this project"
_NO_BADGES = "There are no badges for Colab yet, because the project has no public address."
_BADGES = "A badge opens the notebook in Colab, where its first cell fetches everything it needs."
_SETUP_LINE = re.compile(r"^ADDRESS, TAG = .*$", re.MULTILINE)
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(?<!\.git)")


@dataclass(frozen=True)
class Address:
    """Where the project is published, such as https://github.com/owner/name and v1.0; "" before that."""

    url: str
    tag: str

    def __bool__(self) -> bool:
        """Whether it is published."""
        return bool(self.url)

    @property
    def repo(self) -> str:
        """Owner and name."""
        return self.url.removeprefix(GITHUB)

    def shown(self, file: str) -> str:
        """Return the page of a file."""
        return f"{self.url}/blob/{self.tag}/{file}"

    def raw(self, file: str) -> str:
        """Return where the bytes of a file are."""
        return f"{RAW}{self.repo}/{self.tag}/{file}"

    def in_colab(self, page: str) -> str:
        """Return what opens a notebook in Colab."""
        return f"{_COLAB}/github/{self.repo}/blob/{self.tag}/notebooks/{page}.ipynb"

    def badge(self, page: str) -> str:
        """Return the picture of a button that opens a notebook in Colab."""
        return (
            f"[![Open this notebook in Google Colab]({_COLAB}/assets/colab-badge.svg)]({self.in_colab(page)})"
        )


def read_address(root: Path) -> Address:
    """Read the address in pyproject.toml, and the version of ganlib."""
    facts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = (root / "ganlib" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return Address(facts.get("urls", {}).get("Repository", ""), f"v{version}")


def with_repo(pyproject: str, repo: str) -> str:
    """Put another address into the text of pyproject.toml, or none for "none".

    Raises:
        ValueError: it is no owner/name.
    """
    bare = re.sub(r"\n\[project\.urls\]\nRepository = .*\n", "", pyproject)
    if repo == "none":
        return bare
    if not _NAME.fullmatch(repo):
        raise ValueError(f"A repository is called owner/name, not '{repo}'.")
    urls = f'\n[project.urls]\nRepository = "{GITHUB}{repo}"\n'
    return bare.replace("\n[project.scripts]\n", f"{urls}\n[project.scripts]\n".replace("\n\n\n", "\n\n"), 1)


def outward(text: str, address: Address) -> str:
    """Make the links of a notebook's text to what is no notebook lead to the published pages."""

    def outside(match: re.Match[str]) -> str:
        bang, name, target = match.groups()
        file, hash_sign, anchor = target.partition("#")
        if not file or "://" in file or file.endswith(".ipynb"):
            return match[0]
        place = file.removeprefix("../") if file.startswith("../") else f"notebooks/{file}"
        full = address.raw(place) if bang else address.shown(place)
        return f"{bang}{name}({full}{hash_sign}{anchor})"

    return TARGET.sub(outside, text) if address else text


def title(text: str, page: str, address: Address) -> str:
    """Give a notebook's first cell its badge, or the line that stands in its place."""
    line = address.badge(page) if address else _NO_BADGE
    return _BADGE.sub(lambda _: line, text.replace(_NO_BADGE, line))


def setup(address: Address) -> str:
    """Return the setup cell with the address it fetches the project from."""
    line = f'ADDRESS, TAG = "{address.url}", "{address.tag}"'
    template = SETUP_CELL.read_text(encoding="utf-8")
    return (_SETUP_LINE.sub(line, template) if address else template).rstrip("\n")


def notebook(path: Path, address: Address) -> str:
    """Write badge, setup cell and links into a notebook, and keep only the outputs that are compared."""
    page = nbformat.read(path, as_version=4)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = outward(local(cell.source), address)
        if cell.id == "title":
            cell.source = title(cell.source, path.stem, address)
        if cell.id == "setup":
            cell.source = setup(address)
    return nbformat.writes(strip(page)) + "\n"


def readme(text: str, address: Address) -> str:
    """Give the README a badge in each row of its table, and the command that clones the project."""
    rows = re.compile(r"^(\| \[[^\]]*\]\(notebooks/(\w+)\.ipynb\) \|.*\|) [^|]* \|$", re.MULTILINE)
    text = rows.sub(
        lambda row: f"{row[1]} {address.badge(row[2]) if address else _NO_BADGE_IN_TABLE} |", text
    )
    text = text.replace(_NO_BADGES, _BADGES) if address else text.replace(_BADGES, _NO_BADGES)
    clone = f"`git clone {address.url}`" if address else _NO_CLONE
    return re.sub(rf"{_NO_CLONE}|`git clone {GITHUB}[^`]*`", clone, text)


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file that names the address, and what it is to hold."""
    address = read_address(root)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        yield path, notebook(path, address)
    page = root / "README.md"
    yield page, readme(page.read_text(encoding="utf-8"), address)


def differing(root: Path) -> list[Path]:
    """List the files that do not hold what follows from pyproject.toml."""
    return [path for path, text in wanted(root) if path.read_text(encoding="utf-8") != text]


def main(arguments: list[str] | None = None, root: Path = _ROOT) -> int:
    """Publish, or check, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", metavar="OWNER/NAME", help='where it is published on GitHub, or "none"')
    parser.add_argument("--check", action="store_true", help="change nothing; fail if anything differs")
    options = parser.parse_args(arguments)
    if options.repo:
        pyproject = root / "pyproject.toml"
        try:
            text = with_repo(pyproject.read_text(encoding="utf-8"), options.repo)
        except ValueError as error:
            parser.error(str(error))
        pyproject.write_text(text, encoding="utf-8")
    if options.check:
        for path in (others := differing(root)):
            print(f"{path.relative_to(root)} differs from what pyproject.toml says: make publish writes it")
        return _tell_lost(root) or bool(others)
    for path, text in wanted(root):
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(root))
    return _tell_lost(root)


def _tell_lost(root: Path) -> bool:
    """Name the links that lead nowhere; whether there are any."""
    found = [(path, target) for path in pages(root) for target in lost(path)]
    for path, target in found:
        print(f"{path.relative_to(root)} has a link that leads nowhere: {target}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
