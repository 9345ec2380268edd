"""What became of every file: the account that lies beside the prepared pictures."""

import posixpath
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec

from ganlib.errors import GanlibError
from ganlib.runtime.files import read_json, write_atomically

_FEW = 8  # folders that a summary names
_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
_Pixels = Annotated[int, msgspec.Meta(ge=1, le=2**32)]


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


class Entry(msgspec.Struct, omit_defaults=True):
    """One file: the `index` of its picture, or the `reason` why it has none.

    Tiles of one picture are `count` pictures from `index` on; `width` and `height` are the file's, in pixels;
    `duplicate_of` and `near_duplicate_of` are the paths of earlier files; `note` says what is odd about it.
    """

    path: str
    index: _Natural | None = None
    reason: str | None = None
    count: _Natural = 1
    width: _Pixels | None = None
    height: _Pixels | None = None
    duplicate_of: str | None = None
    near_duplicate_of: str | None = None
    note: str | None = None


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

    def noted(self) -> Iterator[Entry]:
        """Return the files that became pictures which are odd, such as nearly black ones."""
        return (entry for entry in self.used() if entry.note)

    def summary(self) -> str:
        """Say what became of the files, a line for each thing there is to say."""
        lines = [f"{self.pictures()} pictures from {len(self.files)} files"]
        lines += [f"{number:6} refused: {reason}" for reason, number in self.tally().most_common()]
        folders = self.folders()
        if len(folders) > 1 and "" not in folders:
            few = ", ".join(f"{number} in '{name}'" for name, number in islice(folders.items(), _FEW))
            more = " ..." if len(folders) > _FEW else ""
            lines.append(f"{len(folders):6} folders, put together unless trained with --classes: {few}{more}")
        kept = {
            "the same as another, pixel for pixel": self.duplicates(),
            "nearly the same as another": self.near_duplicates(),
        }
        kept |= Counter(entry.note or "" for entry in self.noted())
        lines += [f"{number:6} kept, {what}" for what, number in kept.items() if number]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`, one file a line."""
        text = msgspec.json.encode(self).replace(b'{"path":', b'\n{"path":') + b"\n"
        write_atomically(manifest_file(folder), lambda part: part.write_bytes(text))


def manifest_file(folder: Path) -> Path:
    """Return the place of the manifest of the prepared set `folder`."""
    return folder / "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the prepared set `folder`.

    Raises:
        GanlibError: it is missing or damaged.
    """
    try:
        manifest = read_json(manifest_file(folder), Manifest)
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
