"""Why a file gives no picture, as a person would say it: from the file, not from a decoder's complaint."""

import errno
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

_HEAD = 1024
_TAIL = 16
_BOX_HEAD = 8
_SURE_OF_THEIR_HEADS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PSD", "QOI", "TIFF", "WEBP")
TRUNCATED = "truncated: the file ends too early"
_SAYS_TRUNCATED = re.compile(r"truncat|premature|unexpected end|end of file|not enough", re.IGNORECASE)
_SAYS_TOO_MUCH_TEXT = re.compile(r"decompressed data too large|memory used in text", re.IGNORECASE)
_ENDS = {  # how files of a kind begin: how they end when they are whole
    b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82",
    b"\xff\xd8\xff": b"\xff\xd9",
    b"\0\0\0\x0cjP  ": b"\xff\xd9",
    b"GIF8": b";",
}
_ASKED_FOR_NONSENSE = {errno.EINVAL, errno.EOVERFLOW}  # by what a damaged file says of itself
_OTHER_THINGS = {
    rb"%!PS|\xc5\xd0\xd3\xc6": "not a picture but a drawing of lines (PostScript)",
    rb"%PDF": "not a picture but a PDF document",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg": (
        "not a picture but a drawing of lines (SVG)"
    ),
    rb"(?i:(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b)": "not a picture but a web page",
    rb"version https://git-lfs": "not a picture but a Git LFS pointer: run 'git lfs pull'",
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!": "not a picture but an archive: unpack it",
    rb"....ftyp(hei|hev|mif1|msf1)": "not a picture that Pillow reads (HEIC): save it as JPEG",
    rb"....ftypavi[fs]": "not a picture that this Pillow reads (AVIF): save it as JPEG",
    rb"....ftyp": "not a picture but a film",
}


class _Facts(NamedTuple):
    head: bytes
    tail: bytes
    length: int


def reason_for(file: BinaryIO | Path, error: Exception) -> str:
    """Why opening `file` with Pillow ended in `error`; the same on every machine."""
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    if isinstance(error, OSError) and error.strerror and error.errno not in _ASKED_FOR_NONSENSE:
        return f"cannot be read: {error.strerror}"
    facts = _look(file)
    if not facts.length:
        return "an empty file"
    if _SAYS_TOO_MUCH_TEXT.search(str(error)):
        return "damaged: more text than a picture should hold"
    kind = _begins_like(facts.head)
    if kind is None and isinstance(error, UnidentifiedImageError):
        return _other_thing(facts.head)
    if isinstance(error, EOFError) or _SAYS_TRUNCATED.search(str(error)) or _is_cut(facts):
        return TRUNCATED
    return (
        f"damaged: it begins like a picture ({kind}) and cannot be read"
        if kind
        else "damaged: it cannot be read"
    )


def _look(file: BinaryIO | Path) -> _Facts:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _look(opened)
    length = file.seek(0, 2)
    file.seek(max(0, length - _TAIL))
    tail = file.read(_TAIL)
    file.seek(0)
    return _Facts(file.read(_HEAD), tail, length)


def _begins_like(head: bytes) -> str | None:
    for name in _SURE_OF_THEIR_HEADS:
        accepts: Callable[[bytes], bool | str] | None = Image.OPEN.get(name, (None, None))[1]
        if accepts and accepts(head) is True:
            return name
    return None


def _other_thing(head: bytes) -> str:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    things = (thing for looks, thing in _OTHER_THINGS.items() if re.match(looks, begin, re.DOTALL))
    return next(things, "not a picture")


def _is_cut(facts: _Facts) -> bool:
    """Whether the file lacks the end that its kind has, or is shorter than its head says."""
    for begin, end in _ENDS.items():
        if facts.head.startswith(begin):
            return not facts.tail.endswith(end)
    if facts.head.startswith(b"RIFF"):
        return facts.length < 8 + _number("<I", facts.head, 4)
    if facts.head.startswith((b"II*\0", b"MM\0*")):
        return facts.length <= _number("<I" if facts.head.startswith(b"II") else ">I", facts.head, 4)
    return facts.head[4:8] == b"ftyp" and facts.length < _end_of_boxes(facts.head)


def _end_of_boxes(head: bytes) -> int:
    """Where a file of boxes (AVIF) ends, if all of them begin within `head`."""
    place = 0
    while place + _BOX_HEAD <= len(head):
        size = _number(">I", head, place)
        if size < _BOX_HEAD:  # none has less than its own head: "to the end", or a size of 64 bits
            break
        place += size
    return place


def _number(form: str, head: bytes, place: int) -> int:
    return int(struct.unpack_from(form, head.ljust(place + 4, b"\xff"), place)[0])
