"""Turn picture files into one array of bytes on disk, each file decoded once."""

import hashlib
import math
import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ganlib.data.decode import CROPS, decode
from ganlib.data.duplicates import COLOURS, Look, first_alike, look_at
from ganlib.data.manifest import Entry, Manifest, Settings, manifest_file, read_manifest
from ganlib.data.opening import TOO_MUCH_MEMORY, RefusedError
from ganlib.data.readers import BY_GANLIB, FolderPictures, Found, Pictures
from ganlib.errors import GanlibError
from ganlib.runtime.files import disk_errors_explained, locked, make_folder, prepared_folder
from ganlib.runtime.memory import Memory, most_memory, most_waiting
from ganlib.runtime.progress import progress
from ganlib.sizes import AnySize, Size, as_size

_VERSION = 1  # of what this module makes of a file: sets of another version are made again
_FILES_AHEAD_FOR_EACH_CORE = 16
_MOST_AT_ONCE = 16


def prepare(source: Path | Pictures, settings: Settings | None = None, out: Path | None = None) -> Path:
    """Decode, turn upright, crop and resize every picture once; returns the folder of the prepared set.

    The set is `images.npy`, (N, H, W, 3) uint8, and `manifest.json`, which says of every file its
    index or the reason why it was refused. It lies in `out`, or where `prepared_folder` says, and is made
    again only when a file or a setting has changed. Interrupted, it leaves what was there before.

    Raises:
        GanlibError: there is no such folder, a setting does not fit, fewer pictures than
            `settings.at_least` can be used, or the disk is full.
    """
    settings = settings or Settings()
    settings = replace(settings, size=as_size(settings.size).to_json())
    if settings.crop not in CROPS:
        raise GanlibError(f"There is no crop '{settings.crop}': choose one of {', '.join(CROPS)}.")
    if isinstance(source, Path) and not os.path.isdir(source):  # noqa: PTH112 (it never raises)
        raise GanlibError(f"There is no folder '{source}'.")
    pictures = FolderPictures(source) if isinstance(source, Path) else source
    if out and isinstance(pictures, FolderPictures):
        pictures.leave_out = out.resolve()
    out = out or default_place(pictures.name, pictures.place, settings)
    # Two notebooks that prepare the same set take turns; the second then finds it done.
    with locked(out / ".lock", "preparing pictures"):
        facts = f"{_VERSION} {settings.choices()} {pictures.fingerprint()}"
        fingerprint = hashlib.sha256(facts.encode()).hexdigest()
        if _is_current(out, fingerprint):
            _part(out).unlink(missing_ok=True)  # of a process that was killed
        else:
            _make(pictures, settings, fingerprint, out)
    _check_count(out, settings)
    return out


def images_file(out: Path) -> Path:
    """Return the place of the pictures of the prepared set `out`."""
    return out / "images.npy"


def _part(out: Path) -> Path:
    return out / ".images.part.npy"


def is_prepared(folder: Path) -> bool:
    """Tell whether the folder is a prepared set."""
    return os.path.isfile(manifest_file(folder)) and os.path.isfile(images_file(folder))  # noqa: PTH113 (no error)


def open_images(out: Path) -> NDArray[np.uint8]:
    """Map the pictures of the prepared set `out` from disk, (N, H, W, 3) uint8.

    Raises:
        GanlibError: they are missing or damaged.
    """
    path = images_file(out)
    try:
        if not path.is_file():
            raise ValueError("it is no file")
        images = np.load(path, mmap_mode="r")
        if not isinstance(images, np.memmap) or images.dtype != np.uint8 or images.shape[3:] != (3,):
            raise ValueError("it holds no pictures")
    except Exception as error:  # numpy reads the head as Python
        raise GanlibError(
            f"The prepared set '{out}' is damaged: remove it ({path.name}: {error})."
        ) from error
    return images


def read_prepared(out: Path) -> tuple[NDArray[np.uint8], Manifest]:
    """Open pictures and manifest of the prepared set `out`; if they do not fit, it raises `GanlibError`."""
    images, manifest = open_images(out), read_manifest(out)
    if len(images) != manifest.pictures():
        raise GanlibError(
            f"The prepared set '{out}' is damaged: remove it (it holds {len(images)} pictures, and its "
            f"manifest has {manifest.pictures()})."
        )
    return images, manifest


def default_place(name: str, place: str, settings: Settings) -> Path:
    """Return where a source's prepared pictures are kept: never beside the pictures."""
    short = re.sub(r"[^\w.-]+", "-", name)[:40]
    key = hashlib.sha256(f"{place}\0{settings.choices()}".encode(errors="surrogateescape")).hexdigest()
    return prepared_folder() / f"{short}-{settings.size}-{key[:12]}"


def content_hash(digests: Iterable[bytes]) -> str:
    """Compute SHA-256 over the SHA-256 of each image, in order; several may come in one piece."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


class NpyWriter:
    """Write images, (N, H, W, 3) uint8, one after the other; N is known only at the end."""

    def __init__(self, path: Path, size: AnySize) -> None:
        """Begin the file at `path`."""
        self._file = path.open("w+b")
        self._shape = (*Size.of(size), 3)
        self.count = 0
        self._write_header()
        self._begin = self._file.tell()

    def append(self, image: NDArray[np.uint8]) -> None:
        """Write one image, (H, W, 3) uint8."""
        self._file.write(np.ascontiguousarray(image).data)
        self.count += 1

    def close(self) -> None:
        """Write how many images there are, and bring the file to the disk."""
        with self._file:
            self._file.seek(0)
            self._write_header()  # numpy left room in it for the first number to grow
            self._file.flush()
            os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        facts = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self._shape)}
        npy.write_array_header_1_0(self._file, facts)


class _Prepared(NamedTuple):
    """What became of one file: its entry, its images (H, W, 3), their SHA-256, and its look."""

    entry: Entry
    images: Sequence[NDArray[np.uint8]] = ()
    digest: bytes = b""  # those of all its images, one after the other
    look: Look | None = None


class _Collector:
    """Write images as they come, but for duplicates that are to be dropped."""

    def __init__(self, writer: NpyWriter, settings: Settings, files: int) -> None:
        self.entries: list[Entry] = []
        self.digests: list[bytes] = []  # of the images that are written
        self._writer = writer
        self._settings = settings
        self._distinct: dict[bytes, tuple[str, str | None]] = {}  # the first file, and what it is nearly
        self._paths: list[str] = []  # of these first files, as are shapes and colours
        self._shapes = np.empty(files, np.uint64)
        self._colours = np.empty((files, COLOURS, COLOURS, 3), np.uint8)

    def add(self, prepared: _Prepared) -> None:
        """Take the next file."""
        entry, images, digest, look = prepared
        self.entries.append(entry)
        if look is None:
            return
        is_new = digest not in self._distinct
        if is_new:
            self._distinct[digest] = entry.path, self._nearly(look, entry.path)
        first, nearly = self._distinct[digest]
        if not is_new and self._settings.drop_duplicates:
            entry.reason = f"exact duplicate of '{first}'"
        elif nearly and self._settings.drop_near_duplicates:
            entry.reason = f"near duplicate of '{nearly}'"
        else:
            entry.index = self._writer.count
            entry.duplicate_of, entry.near_duplicate_of = (None, nearly) if is_new else (first, None)
            self.digests.append(digest)
            for image in images:
                self._writer.append(image)

    def _nearly(self, look: Look, path: str) -> str | None:
        """Find the first file that looks nearly the same, and take note of this one."""
        count = len(self._paths)
        at = first_alike(look, self._shapes[:count], self._colours[:count])
        self._shapes[count], self._colours[count] = look
        self._paths.append(path)
        return self._paths[at] if at >= 0 else None


def _is_current(out: Path, fingerprint: str) -> bool:
    try:
        return read_prepared(out)[1].fingerprint == fingerprint
    except GanlibError:
        return False


def _make(pictures: Pictures, settings: Settings, fingerprint: str, out: Path) -> None:
    make_folder(out)
    part = _part(out)
    try:
        with disk_errors_explained(out):
            with closing(NpyWriter(part, settings.size)) as writer:
                collector = _Collector(writer, settings, len(pictures))
                with closing(_prepare_all(pictures, settings)) as prepared:
                    for one in progress(prepared, "prepare", " files", len(pictures)):
                        collector.add(one)
            manifest_file(out).unlink(missing_ok=True)  # a set without its manifest is never taken for whole
            part.replace(images_file(out))
        result = content_hash(collector.digests)
        Manifest(settings, pictures.place, fingerprint, result, collector.entries).write(out)
    finally:
        part.unlink(missing_ok=True)


def _prepare_all(pictures: Pictures, settings: Settings) -> Generator[_Prepared, None, None]:
    """Every file in order, on all cores, only as many ahead of the one that is asked for as memory allows."""
    cores = min(os.cpu_count() or 1, _MOST_AT_ONCE)
    waiting: deque[tuple[Future[tuple[_Prepared, int]], int]] = deque()
    memory, pool = Memory(most_memory()), ThreadPoolExecutor(cores)

    def next_one() -> _Prepared:
        prepared, kept = waiting.popleft()[0].result()
        memory.give_back(kept)
        return prepared

    try:
        for turn, found in enumerate(pictures):
            while waiting and sum(size for _, size in waiting) + found.size > most_waiting():
                yield next_one()
            if found.path.startswith(pictures.by_ganlib):
                found = found._replace(problem=BY_GANLIB)
            waiting.append((pool.submit(_prepare_in_turn, found, settings, memory, turn), found.size))
            if len(waiting) > cores * _FILES_AHEAD_FOR_EACH_CORE:
                yield next_one()
        while waiting:
            yield next_one()
    finally:
        memory.give_back(math.inf)  # nobody is to wait for what will not be taken
        pool.shutdown(cancel_futures=True)


def _prepare_in_turn(found: Found, settings: Settings, memory: Memory, turn: int) -> tuple[_Prepared, int]:
    """Prepare one file when there is memory for it; says how much its images keep, to be given back."""
    taken = -1  # none, not even the turn

    def claim(amount: int) -> None:
        nonlocal taken
        if amount > most_memory():
            raise RefusedError(TOO_MUCH_MEMORY)
        memory.take(turn, amount)
        taken = amount

    kept = 0
    try:
        prepared = _prepare_one(found, settings, claim)
        kept = sum(image.nbytes for image in prepared.images)
    finally:
        if taken < 0:
            claim(0)
        memory.give_back(taken - kept)
    return prepared, kept


def _prepare_one(found: Found, settings: Settings, claim: Callable[[int], None]) -> _Prepared:
    entry = Entry(found.path)
    if found.problem or found.open is None:
        entry.reason = found.problem
        return _Prepared(entry)
    try:
        picture = decode(found.open(), settings.size, settings.crop, claim=claim)
    except RefusedError as refused:
        entry.reason, (entry.width, entry.height) = str(refused), refused.size
        return _Prepared(entry)
    except OSError as error:
        entry.reason = f"cannot be read: {error.strerror or error}"
        return _Prepared(entry)
    entry.width, entry.height = picture.width, picture.height
    if picture.by_ganlib:
        entry.reason = BY_GANLIB
        return _Prepared(entry)
    entry.count, entry.note = len(picture.images), picture.note or None
    digest = b"".join(hashlib.sha256(image.data).digest() for image in picture.images)
    return _Prepared(entry, picture.images, digest, look_at(picture.overview))


def _check_count(out: Path, settings: Settings) -> None:
    count = len(open_images(out))
    if count < settings.at_least:
        manifest = read_manifest(out)
        reasons = ", ".join(f"{number} {reason}" for reason, number in manifest.tally().most_common())
        if not manifest.files:
            raise GanlibError(f"There is no file in '{manifest.source}': name the folder of the pictures.")
        raise GanlibError(
            f"Too few pictures: {count} from {len(manifest.files)} files, and a GAN needs at least "
            f"{settings.at_least}. Refused: {reasons or 'none'}. '{manifest_file(out)}' says why each was."
        )
