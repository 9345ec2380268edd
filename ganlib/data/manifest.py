"""What became of every file: the account that lies beside the prepared pictures."""

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from msgspec import Meta

from ganlib.errors import GanlibError
from ganlib.runtime.files import write_atomically
from ganlib.runtime.reading import decode_json, read_bytes

_NO_TEXT = re.compile(rb"(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}")  # as names were written before
_FEW = 8  # folders that a summary names
_Natural = Annotated[int, Meta(ge=0, le=2**48)]
_Pixels = Annotated[int, Meta(ge=1, le=2**32)]


@dataclass(frozen=True)
class Settings:
    """How pictures are prepared.

    `size` is in pixels, or text such as "64x96", width x height; `crop` is one of "centre", "pad" (white
    borders), "stretch" and "tiles". Duplicates are kept and reported unless they are to be dropped. Fewer
    pictures than `at_least` are an error.
    """

    size: _Pixels | str = 64
    crop: str = "centre"
    drop_duplicates: bool = False
    drop_near_duplicates: bool = False
    at_least: int = 10

    def choices(self) -> tuple[object, ...]:
        """Return everything that decides what is made of the files."""
        return self.size, self.crop, self.drop_duplicates, self.drop_near_duplicates


@dataclass(slots=True)
class Entry:
    """One file: the `index` of its picture, or the `reason` why it has none.

    Tiles of one picture are `count` pictures from `index` on; `width` and `height` are the file's, in pixels;
    `duplicate_of` and `near_duplicate_of` are the paths of earlier files.
    """

    path: str
    index: _Natural | None = None
    reason: str | None = None
    count: _Natural = 1
    width: _Pixels | None = None
    height: _Pixels | None = None
    duplicate_of: str | None = None
    near_duplicate_of: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is known, as plain values."""
        facts = {name: value for name, value in asdict(self).items() if value is not None}
        if self.count == 1:
            del facts["count"]
        return facts


@dataclass
class Manifest:
    """Settings, where the files were, a hash of them, a hash of the result, and an entry for every file."""

    settings: Settings
    source: str
    fingerprint: str
    content_hash: str
    files: list[Entry]

    def pictures(self) -> int:
        """Count the pictures that came of the files."""
        return sum(entry.count for entry in self.used())

    def used(self) -> Iterator[Entry]:
        """Return the files that became pictures."""
        return (entry for entry in self.files if entry.index is not None)

    def refused(self) -> Iterator[Entry]:
        """Return the files that did not."""
        return (entry for entry in self.files if entry.index is None)

    def tally(self) -> Counter[str]:
        """Count the refused files by what their reasons have in common: "exact duplicate", without whose."""
        reasons = (entry.reason or "" for entry in self.refused())
        return Counter(reason.partition(" of '")[0].partition(": ")[0] for reason in reasons)

    def folders(self) -> dict[str, int]:
        """Count the pictures in each sub-folder, by name; "" stands for those that lie in none."""
        folders: Counter[str] = Counter()
        for entry in self.used():
            folders[self.folder_of(entry)] += entry.count
        return dict(sorted(folders.items()))

    def folder_of(self, entry: Entry) -> str:
        """Name the sub-folder in which a file lies, at whatever depth; what all paths begin with is none."""
        inner = PurePosixPath(entry.path).parts[len(self._outer) :]
        return inner[0] if len(inner) > 1 else ""

    @cached_property
    def _outer(self) -> tuple[str, ...]:
        parents = [str(PurePosixPath(entry.path).parent) for entry in self.used()]
        return PurePosixPath(posixpath.commonpath(parents)).parts if parents else ()

    def duplicates(self) -> int:
        """Count the pictures that are pixel for pixel the same as an earlier one."""
        return sum(entry.duplicate_of is not None for entry in self.used())

    def near_duplicates(self) -> int:
        """Count the pictures that look nearly the same as an earlier one."""
        return sum(entry.near_duplicate_of is not None for entry in self.used())

    def summary(self) -> str:
        """Say what became of the files, a line for each thing there is to say."""
        lines = [f"{self.pictures()} pictures from {len(self.files)} files"]
        lines += [f"{number:6} refused: {reason}" for reason, number in self.tally().most_common()]
        folders = self.folders()
        if len(folders) > 1 and "" not in folders:
            few = ", ".join(f"{number} in '{name}'" for name, number in islice(folders.items(), _FEW))
            more = " ..." if len(folders) > _FEW else ""
            lines.append(f"{len(folders):6} folders, put together unless trained with --classes: {few}{more}")
        if self.duplicates():
            lines.append(f"{self.duplicates():6} kept, the same as another, pixel for pixel")
        if self.near_duplicates():
            lines.append(f"{self.near_duplicates():6} kept, nearly the same as another")
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`, one file a line."""
        names = (field.name for field in fields(self) if field.name != "files")
        head = {**{name: getattr(self, name) for name in names}, "settings": asdict(self.settings)}
        entries = ",\n".join("  " + json.dumps(entry.as_json()) for entry in self.files)
        text = f'{json.dumps(head, indent=1)[:-2]},\n "files": [\n{entries}\n ]\n}}\n'
        write_atomically(manifest_file(folder), lambda part: part.write_text(text, encoding="utf-8"))


def manifest_file(folder: Path) -> Path:
    """Return the place of the manifest of the prepared set `folder`."""
    return folder / "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the prepared set `folder`.

    Raises:
        GanlibError: it is missing or damaged.
    """
    try:
        text = read_bytes(manifest_file(folder))
        manifest = decode_json(_NO_TEXT.sub(rb"\\ufffd", text), Manifest)
        _check_places(manifest)
    except (GanlibError, ValueError) as error:
        raise GanlibError(f"The prepared set '{folder}' is damaged: remove it ({error}).") from error
    return manifest


def _check_places(manifest: Manifest) -> None:
    """Raise `ValueError` unless the pictures lie one after the other, and doubles have a first."""
    end = 0
    paths = {entry.path for entry in manifest.used()}
    for entry in manifest.used():
        first = entry.duplicate_of or entry.near_duplicate_of
        if entry.index != end or not (first is None or first in paths):
            raise ValueError(f"the picture of '{entry.path}' is not in its place")
        end += entry.count
