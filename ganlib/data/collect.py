"""Gather prepared pictures into one file, and say of each whether it was met before."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlib.data.duplicates import COLOURS, Look, near_duplicates
from ganlib.data.manifest import Entry, Settings
from ganlib.data.npy import NpyWriter, select_rows


@dataclass
class Prepared:
    """What became of one file: its entry, its images (size, size, 3), their SHA-256, and its look."""

    entry: Entry
    images: list[NDArray[np.uint8]]
    digests: list[bytes]
    look: Look | None

    @classmethod
    def refused(
        cls, path: str, reason: str, width: int | None = None, height: int | None = None
    ) -> "Prepared":
        """A file without an image; `width` and `height`, in pixels, if they are known."""
        return cls(Entry(path, reason=reason, width=width, height=height), [], [], None)


class Collector:
    """Write images as they come; what to drop as nearly the same is known at the end."""

    def __init__(self, file: Path, settings: Settings, most: int) -> None:
        """Begin `file`, an .npy, for the images of at most `most` files."""
        self._file = file
        self._settings = settings
        self._writer = NpyWriter(file, settings.size)
        self._first: dict[bytes, str] = {}  # path of the first file with these images
        self._entries: list[Entry] = []
        self._digests: list[bytes] = []  # of the images of a file, one after the other
        self._shapes = np.zeros(most, np.uint64)
        self._colours = np.zeros((most, COLOURS, COLOURS, 3), np.uint8)

    def add(self, prepared: Prepared) -> None:
        """Take the next file."""
        self._mark_exact(prepared)
        if prepared.entry.reason is None:
            prepared.entry.index = self._writer.count
            for image in prepared.images:
                self._writer.append(image)
        if prepared.look is not None:
            self._shapes[len(self._entries)], self._colours[len(self._entries)] = prepared.look
        self._entries.append(prepared.entry)
        self._digests.append(b"".join(prepared.digests))

    def finish(self) -> tuple[list[Entry], str]:
        """Write the file to its end; returns the entries and the hash of all images."""
        self._writer.close()
        self._mark_near()
        if self._settings.drop_near_duplicates:
            self._drop_near()
        used = zip(self._entries, self._digests, strict=True)
        return self._entries, content_hash(digests for entry, digests in used if entry.index is not None)

    def __enter__(self) -> "Collector":
        """Nothing more than itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, whole or not."""
        self._writer.close()

    def _mark_exact(self, prepared: Prepared) -> None:
        entry = prepared.entry
        if entry.reason is not None:
            return
        first = self._first.setdefault(b"".join(prepared.digests), entry.path)
        if first == entry.path:
            return
        if self._settings.drop_duplicates:
            entry.reason = f"exact duplicate of '{first}'"
        else:
            entry.duplicate_of = first

    def _mark_near(self) -> None:
        once = [
            place
            for place, entry in enumerate(self._entries)
            if entry.index is not None and entry.duplicate_of is None
        ]
        first = near_duplicates(self._shapes[once], self._colours[once])
        for later in np.flatnonzero(first >= 0):
            self._entries[once[later]].near_duplicate_of = self._entries[once[first[later]]].path

    def _drop_near(self) -> None:
        rows: list[int] = []
        for entry in self._entries:
            if entry.near_duplicate_of is not None:
                entry.reason = f"near duplicate of '{entry.near_duplicate_of}'"
                entry.index = entry.near_duplicate_of = None
            elif entry.index is not None:
                own = range(entry.index, entry.index + entry.count)
                entry.index = len(rows)
                rows += own
        select_rows(self._file, rows)


def content_hash(digests: Iterable[bytes]) -> str:
    """SHA-256 over the SHA-256 of each image, in order; several may come in one piece."""
    return hashlib.sha256(b"".join(digests)).hexdigest()
