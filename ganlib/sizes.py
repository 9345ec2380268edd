"""The sizes of pictures that nets are built for."""

import re
from typing import NamedTuple, TypeAlias

from ganlib.errors import GanlibError

SMALLEST, LARGEST = 32, 1024  # px
_BASES = range(3, 8)  # height and width of the smallest feature map
_WRITTEN = re.compile(r"(\d{1,6})(?:\s*[x\u00d7]\s*(\d{1,6}))?")


class Size(NamedTuple):
    """Height and width of pictures in pixels, in the order of a tensor's shape.

    As text it is width x height, as people write it, or one number for a square.
    """

    height: int
    width: int

    def __str__(self) -> str:
        """Return "64", or "64x96" where the picture is 64 px wide and 96 px high."""
        return str(self.width) if self.height == self.width else f"{self.width}x{self.height}"

    @classmethod
    def of(cls, written: "AnySize") -> "Size":
        """Read a size, which nets need not be built for; what is none raises `GanlibError`."""
        if isinstance(written, Size):
            return written
        found = _WRITTEN.fullmatch(str(written).strip())
        if found is None:
            raise GanlibError(
                f"'{written}' is not an image size: write pixels, such as 64, or width x height, 64x96."
            )
        width = int(found[1])
        return cls(int(found[2] or width), width)

    def to_json(self) -> int | str:
        """Return a number for a square, or text, from which `as_size` makes the same size again."""
        return self.height if self.height == self.width else str(self)

    @property
    def doublings(self) -> int:
        """How often the smallest feature map doubles its sides until it is a picture."""
        return _doublings(self) or 0

    @property
    def base(self) -> "Size":
        """Height and width of the smallest feature map; each is from 3 to 7."""
        return self.over(2**self.doublings)

    def over(self, divisor: int) -> "Size":
        """Return the size of pictures reduced by a whole number."""
        return Size(self.height // divisor, self.width // divisor)

    def times(self, factor: int) -> "Size":
        """Return the size of pictures enlarged by a whole number."""
        return Size(self.height * factor, self.width * factor)


AnySize: TypeAlias = Size | int | str


def as_size(size: AnySize) -> Size:
    """Make a size of pixels (a square), or of text such as "64x96", width x height.

    Raises:
        GanlibError: nets cannot be built for it: it must be 3 to 7 times one power of two in both directions,
            and from 32 to 1024 px.
    """
    found = Size.of(size)
    if not (min(found) >= SMALLEST and max(found) <= LARGEST) or _doublings(found) is None:
        raise GanlibError(
            f"An image size of {found} px does not fit: height and width must be 3 to 7 times the same "
            f"power of two, from {SMALLEST} to {LARGEST} px, such as 64, 96, 128 or 64x96 (width x height)."
        )
    return found


def _doublings(size: Size) -> int | None:
    """How often both sides can be halved down to a base; the smallest base where there are several."""
    for times in range(LARGEST.bit_length(), -1, -1):
        if all(side % 2**times == 0 and side // 2**times in _BASES for side in size):
            return times
    return None
