"""Small files that say, or unpack to, much more than they are; and honest ones that take much memory."""

import io
import struct
import tarfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.data.hostile import painting, png_chunk, png_head, saved, tiff

SIDE = 2400


def large_png(bits: int, colour: int, side: int = SIDE, *chunks: bytes) -> bytes:
    """A black picture; colour 0 is grey, 2 RGB, 3 a palette, 6 RGBA."""
    samples = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    rows = zlib.compress(bytes((side * bits * samples // 8 + 1) * side), 9)
    parts = [*chunks, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")]
    return png_head(side, side, bits, colour) + b"".join(parts)


def small_png(before: bytes = b"", after: bytes = b"") -> bytes:
    """A picture of 64 px with something before and after its pixels."""
    data = png_chunk(b"IDAT", zlib.compress(bytes(193 * 64)))
    return png_head(64, 64) + before + data + after + png_chunk(b"IEND", b"")


def scanned_jpeg(times: int, side: int = 512) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    content = saved(Image.fromarray(coarse).resize((side, side)), "JPEG", progressive=True)
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * times + b"\xff\xd9"


def jpeg_with_text(pieces: int) -> bytes:
    content = saved(painting(), "JPEG")
    return content[:2] + (b"\xff\xe5\xff\xff" + bytes(65533)) * pieces + content[2:]


def tiff_of_one_tile(side: int) -> bytes:
    shape = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    data = zlib.compress(bytes(side * side), 9)
    tiles = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 134), (325, 4, 1, len(data))]
    return tiff(*shape, *tiles, data=data)


def icon() -> bytes:
    """An icon that says 64 px, and holds a picture of 2,400."""
    inner = large_png(8, 6)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 64, 64, 0, 0, 1, 32, len(inner), 22) + inner


TEXT, MEMORY, SCANS = "more text than a picture", "needs more memory", "more scans than a JPEG"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "text.png": (lambda: small_png(png_chunk(b"tEXt", b"a\0" + bytes(2**25))), TEXT),
    "text behind.png": (lambda: small_png(after=png_chunk(b"tEXt", b"a\0" + bytes(2**25))), TEXT),
    "unknown.png": (lambda: small_png(png_chunk(b"abCd", bytes(2**25 + 1))), TEXT),
    "pieces.png": (lambda: small_png(png_chunk(b"abCd", b"") * 150_000), TEXT),
    "pieces behind.png": (lambda: small_png(after=png_chunk(b"IDAT", b"") * 150_000), TEXT),
    "packed text.png": (lambda: small_png(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**25)))), TEXT),
    "profile.png": (lambda: small_png(png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**25)))), TEXT),
    "text.jpg": (lambda: jpeg_with_text(520), TEXT),
    "scans.jpg": (lambda: scanned_jpeg(200), SCANS),
    "scans of much.jpg": (lambda: scanned_jpeg(80, 5100), SCANS),
    "icon.ico": (icon, "not a picture but an icon"),
    "icon.icns": (lambda: b"icns" + bytes(60), "not a picture but an icon"),
    "tile.tif": (lambda: tiff_of_one_tile(16_000), MEMORY),
    "one strip.tif": (
        lambda: saved(Image.new("RGB", (5100, 5100)), "TIFF", compression="tiff_lzw", strip_size=2**31 - 1),
        MEMORY,
    ),
    "large.webp": (lambda: saved(Image.new("RGB", (4000, 4000)), "WEBP", lossless=True, method=0), MEMORY),
    "large.jp2": (lambda: saved(Image.new("RGB", (4000, 4000)), "JPEG2000"), MEMORY),
    "large.qoi": (
        lambda: b"qoif" + struct.pack(">IIBB", 5000, 5000, 3, 0) + b"\xfd" * 410_000 + bytes(8),
        MEMORY,
    ),
    "coefficients.jpg": (
        lambda: saved(Image.new("RGB", (6000, 6000)), "JPEG", progressive=True, subsampling=0),
        MEMORY,
    ),
    "large.png": (lambda: large_png(8, 6, 5100), MEMORY),
}
PALETTE = png_chunk(b"PLTE", bytes(768)) + png_chunk(b"tRNS", bytes(256))
HONEST: dict[str, Callable[[], bytes]] = {
    "16 bits and alpha.png": lambda: large_png(16, 6),
    "alpha.png": lambda: large_png(8, 6),
    "16 bits.png": lambda: large_png(16, 0),
    "palette.png": lambda: large_png(8, 3, SIDE, PALETTE),
    "floats.tif": lambda: saved(Image.new("F", (SIDE, SIDE)), "TIFF", compression="tiff_lzw"),
    "part.gif": lambda: saved(Image.new("P", (SIDE, SIDE)), "GIF").replace(
        struct.pack("<HH", SIDE, SIDE), struct.pack("<HH", SIDE + 9, SIDE + 9), 1
    ),
    "large.bmp": lambda: saved(Image.new("RGB", (SIDE, SIDE)), "BMP"),
}


def tar_header(name: str, kind: bytes, size: int, sparse: bytes = b"") -> bytes:
    """One header; `sparse` is the list of pieces, and whether there are more, of a file with holes."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386 : 386 + len(sparse)] = sparse
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def sparse_tar(files: int, claimed: int) -> bytes:
    """A tar of files with holes, as GNU tar writes them: nothing is stored of `claimed` bytes."""
    sparse = bytes(96) + b"\0" + b"%011o\0" % claimed
    heads = [tar_header(f"{place}.png", tarfile.GNUTYPE_SPARSE, 0, sparse) for place in range(files)]
    return b"".join(heads) + bytes(1024)


def pax_tar(files: dict[str, dict[str, str]]) -> bytes:
    """A tar of empty files, with PAX headers of their own."""
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, facts in files.items():
            member = tarfile.TarInfo(name)
            member.pax_headers = facts
            archive.addfile(member)
    return buffer.getvalue()
