"""Turn a folder of picture files into an ImageSet, each file decoded once."""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from ganlib.data.imageset import ImageSet
from ganlib.errors import GanlibError
from ganlib.files import make_folder, write_atomically
from ganlib.nets.dcgan import check_size

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})


class Prepared(NamedTuple):
    """One picture file: its bytes (size, size, 3), or the reason why there are none."""

    image: NDArray[np.uint8] | None
    reason: str


def prepare(folder: Path, size: int, out: Path | None = None) -> ImageSet:
    """Decode, turn upright, crop and resize every picture in `folder` once, and keep the result in `out`.

    The result is `images.npy`, (N, size, size, 3) uint8, and `manifest.json`, which says of every file
    its index or the reason it was set aside. It is made again only when a file or `size` has changed.

    Raises:
        GanlibError: the folder is missing or holds no usable picture, or `size` does not fit.
    """
    files = _picture_files(folder, size)
    out = out or default_place(folder, size)
    fingerprint = _fingerprint(folder, files, size)
    if _is_current(out, fingerprint):
        return open_prepared(out, folder.name)
    results = list(_prepare_all(files, size))
    images = [result.image for result in results if result.image is not None]
    if not images:
        raise GanlibError(f"None of the {len(files)} picture files in '{folder}' can be used.")
    manifest: dict[str, object] = {
        "settings": {"size": size},
        "fingerprint": fingerprint,
        "files": _entries(folder, files, results),
    }
    _write(out, np.stack(images), manifest)
    return open_prepared(out, folder.name)


def open_prepared(out: Path, name: str) -> ImageSet:
    """Open what `prepare` wrote, mapped from disk.

    Raises:
        GanlibError: it is missing or damaged.
    """
    try:
        return ImageSet(np.load(out / "images.npy", mmap_mode="r"), name)
    except (OSError, ValueError) as error:
        raise GanlibError(f"The prepared set '{out}' is damaged: remove it ({error}).") from error


def default_place(folder: Path, size: int) -> Path:
    """Where a folder's prepared pictures are kept: in the user's cache, never beside the pictures."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return cache / "ganlib" / f"{folder.resolve().name}-{size}-{key}"


def _picture_files(folder: Path, size: int) -> list[Path]:
    check_size(size)
    if not folder.is_dir():
        raise GanlibError(f"There is no folder '{folder}'.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise GanlibError(
            f"The folder '{folder}' holds no pictures (looked for {', '.join(sorted(SUFFIXES))})."
        )
    return files


def _fingerprint(folder: Path, files: list[Path], size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for path in files:
        stat = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _is_current(out: Path, fingerprint: str) -> bool:
    try:
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return manifest.get("fingerprint") == fingerprint


def _prepare_all(files: list[Path], size: int) -> Iterator[Prepared]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: prepare_picture(path, size), files)
        yield from tqdm(results, desc="prepare", total=len(files), unit=" pictures", disable=None)


def prepare_picture(path: Path, size: int) -> Prepared:
    """One file as (size, size, 3) bytes: upright, on white, short side resized, centre cropped."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (size, size))  # a JPEG is decoded at the smallest scale that is enough
            upright = ImageOps.exif_transpose(picture)
            image = ImageOps.fit(_on_white(upright), (size, size), Image.Resampling.LANCZOS)
            return Prepared(np.asarray(image), "")
    except UnidentifiedImageError:
        return Prepared(None, "not a picture")
    except Exception as error:  # a decoder that meets a damaged file may raise anything
        return Prepared(None, f"cannot be decoded: {error}")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # sixteen bits of grey, which Pillow would clip
        return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _entries(folder: Path, files: list[Path], results: list[Prepared]) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    index = 0
    for path, result in zip(files, results, strict=True):
        entry: dict[str, object] = {"path": path.relative_to(folder).as_posix()}
        if result.image is None:
            entry["reason"] = result.reason
        else:
            entry["index"] = index
            index += 1
        entries.append(entry)
    return entries


def _write(out: Path, images: NDArray[np.uint8], manifest: dict[str, object]) -> None:
    make_folder(out)
    (out / "manifest.json").unlink(missing_ok=True)  # a set without its manifest is never taken for whole
    write_atomically(out / "images.npy", lambda part: np.save(part, images))
    text = json.dumps(manifest, indent=1) + "\n"
    write_atomically(out / "manifest.json", lambda part: part.write_text(text, encoding="utf-8"))
