"""Turn picture files into one array of bytes on disk, each file decoded once."""

import hashlib
import json
import os
import re
import warnings
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from filelock import FileLock

from ganlib.data.collect import Collector, Prepared
from ganlib.data.decode import CROPS, RefusedError, decode
from ganlib.data.duplicates import look_at
from ganlib.data.folder import FolderPictures
from ganlib.data.manifest import Entry, Manifest, Settings, manifest_file, read_manifest
from ganlib.data.pictures import Found, Pictures
from ganlib.errors import GanlibError
from ganlib.files import cache_folder, disk_errors_explained, make_folder
from ganlib.places import prepared_folder
from ganlib.progress import progress
from ganlib.sizes import check_size

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
    """Where the pictures of the prepared set `out` lie."""
    return out / "images.npy"


def is_prepared(folder: Path) -> bool:
    """Whether the folder is a prepared set."""
    return manifest_file(folder).is_file() and images_file(folder).is_file()


def default_place(name: str, place: str, settings: Settings) -> Path:
    """Where a source's prepared pictures are kept: never beside the pictures."""
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
