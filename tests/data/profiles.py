"""ICC profiles for the tests to follow."""

import struct

import numpy as np

SRGB = np.array(  # red, green and blue as XYZ under D50, a column each
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
ADOBE_RGB = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]]
)
DISPLAY_P3 = np.array(
    [[0.5151187, 0.2919778, 0.1571035], [0.2411892, 0.6922441, 0.0665668], [-0.0010505, 0.0418791, 0.7840713]]
)
WHITE = (0.9642, 1.0, 0.8249)
GAMMA = 563 / 256  # as AdobeRGB has it


def profile(space: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    """An ICC profile, version 2, of a monitor."""
    tags = (
        (b"desc", description(b"a test")),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", xyz(*WHITE)),
        *tags,
    )
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s6H4s",
        start + len(data),
        b"test",
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        *[2026, 1, 1] * 2,
        b"acsp",
    )
    return (head + bytes(28) + xyz(*WHITE)[8:]).ljust(128, b"\0") + table + data


def description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve() -> bytes:
    value = np.linspace(0, 1, 1024)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (light * 65535).round().astype(">u2").tobytes()


def rgb_profile(matrix: np.ndarray, trc: bytes) -> bytes:
    primaries = [
        (name + b"XYZ", xyz(*column)) for name, column in zip((b"r", b"g", b"b"), matrix.T, strict=True)
    ]
    return profile(b"RGB ", *primaries, *[(name + b"TRC", trc) for name in (b"r", b"g", b"b")])


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", (b"kTRC", curve(gamma)))
