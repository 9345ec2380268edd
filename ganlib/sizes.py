"""The sizes of pictures that nets are built for."""

from ganlib.errors import GanlibError

SIZES = (32, 64, 128, 256, 512)


def check_size(size: int) -> None:
    """Raise `GanlibError` if `size` is not a power of two from 32 to 512."""
    if size not in SIZES:
        raise GanlibError(f"An image size of {size} px does not fit: choose a power of two from 32 to 512.")
