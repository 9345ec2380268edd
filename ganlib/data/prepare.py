"""Turn picture files into one array of bytes on disk, each file decoded once."""

import hashlib
import json
import os
import re
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.lib import format as npy
from numpy.typing import NDArray

from ganlib.data.decode import CROPS, RefusedError, decode
from ganlib.data.duplicates import COLOURS, Look, look_at, near_duplicates
from ganlib.data.manifest import Entry, Manifest, Settings, manifest_file, read_manifest
from ganlib.data.readers import FolderPictures, Found, Pictures
from ganlib.errors import GanlibError
from ganlib.runtime.files import cache_folder, disk_errors_explained, make_folder, prepared_folder
from ganlib.runtime.progress import progress
from ganlib.sizes import check_size


class NpyWriter:
    """Write images, (N, size, size, 3) uint8, one after the other; N is known only at the end."""

    def __init__(self, path: Path, size: int) -> None:
        """Begin the file at `path`."""
        self._file = path.open("wb")
        self._shape = (size, size, 3)
        self.count = 0
        self._write_header()

    def append(self, image: NDArray[np.uint8]) -> None:
        """Write one image, (size, size, 3) uint8."""
        self._file.write(np.ascontiguousarray(image).data)
        self.count += 1

    def close(self) -> None:
        """Write how many images there are, and bring the file to the disk; once more changes nothing."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            self._write_header()  # numpy left room in it for the first number to grow
            self._file.flush()
            os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        facts = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self._shape)}
        npy.write_array_header_1_0(self._file, facts)


def select_rows(path: Path, rows: Sequence[int]) -> None:
    """Keep only `rows` of the images at `path`, in that order."""
    selected = path.with_name(f"{path.stem}.selected{path.suffix}")
    try:
        with path.open("rb") as file:
            npy.read_magic(file)
            shape, _, _ = npy.read_array_header_1_0(file)
            begin, image_bytes = file.tell(), int(np.prod(shape[1:]))
            writer = NpyWriter(selected, shape[1])
            for row in rows:
                file.seek(begin + row * image_bytes)
                writer.append(np.frombuffer(file.read(image_bytes), np.uint8))
            writer.close()
        selected.replace(path)
    finally:
        selected.unlink(missing_ok=True)


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
        """Make the record of a file without an image; `width` and `height`, in pixels, if they are known."""
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
    """Compute SHA-256 over the SHA-256 of each image, in order; several may come in one piece."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


_VERSION = 1  # of what this module makes of a file: sets of another version are made again
_FILES_IN_ONE_GO = 8
_GOES_AHEAD_FOR_EACH_CORE = 2
_MOST_AT_ONCE = 16  # a picture of 100 megapixels takes 400 MB while it is decoded


def prepare(source: Path | Pictures, settings: Settings | None = None, out: Path | None = None) -> Path:
    """Decode, turn upright, crop and resize every picture once; returns the folder of the prepared set.

    The set is `images.npy`, (N, size, size, 3) uint8, and `manifest.json`, which says of every file its
    index or the reason why it was refused. It lies in `out`, or where `prepared_folder` says, and is made
    again only when a file or a setting has changed. Interrupted, it leaves what was there before.

    Raises:
        GanlibError: there is no such folder, a setting does not fit, fewer pictures than
            `settings.at_least` can be used, or the disk is full.
    """
    settings = settings or Settings()
    _check(settings)
    pictures = _folder(source) if isinstance(source, Path) else source
    if out and isinstance(pictures, FolderPictures):
        pictures.leave_out = out.resolve()
    out = out or default_place(pictures.name, pictures.place, settings)
    with _alone(out):
        fingerprint = _fingerprint(pictures, settings)
        if not _is_current(out, fingerprint):
            _make(pictures, settings, fingerprint, out)
    _check_count(out, settings)
    return out


def images_file(out: Path) -> Path:
    """Return the place of the pictures of the prepared set `out`."""
    return out / "images.npy"


def is_prepared(folder: Path) -> bool:
    """Tell whether the folder is a prepared set."""
    return manifest_file(folder).is_file() and images_file(folder).is_file()


def default_place(name: str, place: str, settings: Settings) -> Path:
    """Return where a source's prepared pictures are kept: never beside the pictures."""
    key = hashlib.sha256(f"{place}\0{settings.choices()}".encode(errors="surrogateescape")).hexdigest()[:12]
    short = re.sub(r"[^\w.-]+", "-", name)[:40]
    return prepared_folder() / f"{short}-{settings.size}-{key}"


def _check(settings: Settings) -> None:
    check_size(settings.size)
    if settings.crop not in CROPS:
        raise GanlibError(f"There is no crop '{settings.crop}': choose one of {', '.join(CROPS)}.")


def _folder(folder: Path) -> FolderPictures:
    if not folder.is_dir():
        raise GanlibError(f"There is no folder '{folder}'.")
    return FolderPictures(folder)


def _alone(out: Path) -> FileLock:
    """Two notebooks that prepare the same set take turns; the second then finds it done."""
    key = hashlib.sha256(str(out.absolute()).encode(errors="surrogateescape")).hexdigest()[:12]
    return FileLock(make_folder(cache_folder() / "locks") / f"{key}.lock")


def _fingerprint(pictures: Pictures, settings: Settings) -> str:
    return hashlib.sha256(f"{_VERSION} {settings.choices()} {pictures.fingerprint()}".encode()).hexdigest()


def _is_current(out: Path, fingerprint: str) -> bool:
    try:
        facts = json.loads(manifest_file(out).read_text(encoding="utf-8"))
        return facts["fingerprint"] == fingerprint and images_file(out).exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _check_count(out: Path, settings: Settings) -> None:
    count = len(np.load(images_file(out), mmap_mode="r"))
    if count < settings.at_least:
        manifest = read_manifest(out)
        reasons = ", ".join(f"{number} {reason}" for reason, number in manifest.tally().most_common())
        raise GanlibError(
            f"Too few pictures: {count} from {len(manifest.files)} files, and a GAN needs at least "
            f"{settings.at_least}. Refused: {reasons or 'none'}. '{manifest_file(out)}' says why each was."
        )


def _make(pictures: Pictures, settings: Settings, fingerprint: str, out: Path) -> None:
    make_folder(out)
    part = out / ".images.part.npy"
    try:
        with disk_errors_explained(out):
            files, content_hash = _collect(pictures, settings, part)
            manifest_file(out).unlink(missing_ok=True)  # a set without its manifest is never taken for whole
            part.replace(images_file(out))
        Manifest(settings, pictures.place, fingerprint, content_hash, files).write(out)
    finally:
        part.unlink(missing_ok=True)


def _collect(pictures: Pictures, settings: Settings, part: Path) -> tuple[list[Entry], str]:
    count = len(pictures)
    with Collector(part, settings, count) as collector, closing(_prepare_all(pictures, settings)) as prepared:
        for one in progress(prepared, "prepare", " files", count):
            collector.add(one)
        return collector.finish()


def _prepare_all(pictures: Pictures, settings: Settings) -> Generator[Prepared, None, None]:
    """Every file in order, on all cores, only a few ahead of the one that is asked for."""
    cores = min(os.cpu_count() or 1, _MOST_AT_ONCE)
    waiting: deque[Future[list[Prepared]]] = deque()
    pool = ThreadPoolExecutor(cores)
    files = iter(pictures)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what the manifest will say
            while some := list(islice(files, _FILES_IN_ONE_GO)):
                waiting.append(pool.submit(_prepare_some, some, settings))
                if len(waiting) > cores * _GOES_AHEAD_FOR_EACH_CORE:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_some(some: list[Found], settings: Settings) -> list[Prepared]:
    return [_prepare_one(found, settings) for found in some]


def _prepare_one(found: Found, settings: Settings) -> Prepared:
    if found.problem or found.open is None:
        return Prepared.refused(found.path, found.problem or "cannot be read")
    try:
        picture = decode(found.open(), settings.size, settings.crop)
    except RefusedError as reason:
        return Prepared.refused(found.path, str(reason), *reason.size)
    except OSError as error:
        return Prepared.refused(found.path, f"cannot be read: {error.strerror or error}")
    entry = Entry(found.path, count=len(picture.images), width=picture.width, height=picture.height)
    digests = [hashlib.sha256(image.data).digest() for image in picture.images]
    return Prepared(entry, picture.images, digests, look_at(picture.overview))
