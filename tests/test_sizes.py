"""Sizes of pictures: how people write them, and which ones nets are built for."""

import pytest

from ganlib.errors import GanlibError
from ganlib.sizes import Size, as_size


@pytest.mark.parametrize(
    ("written", "size", "base", "doublings"),
    [
        (32, (32, 32), (4, 4), 3),
        (48, (48, 48), (3, 3), 4),
        ("64", (64, 64), (4, 4), 4),
        (80, (80, 80), (5, 5), 4),
        ("64x96", (96, 64), (6, 4), 4),
        ("96 x 64", (64, 96), (4, 6), 4),
        ("768x384", (384, 768), (3, 6), 7),
        (1024, (1024, 1024), (4, 4), 8),
    ],
)
def test_a_size_is_a_base_that_doubles(written, size, base, doublings):
    found = as_size(written)
    assert (found, found.base, found.doublings) == (size, base, doublings)
    assert as_size(found) is found
    assert as_size(found.to_json()) == found


def test_text_is_width_by_height_and_one_number_a_square():
    assert [str(as_size(size)) for size in (64, "64x96", "96x96")] == ["64", "64x96", "96"]
    assert as_size("64x96").to_json() == "64x96"
    assert as_size("64x64").to_json() == 64


@pytest.mark.parametrize("size", [0, -64, 24, 31, 63, 100, 144, 1025, 2048, "64x128", "32x1024", 10**400])
def test_sizes_that_no_net_is_built_for_are_refused(size):
    with pytest.raises(GanlibError, match=r"does not fit: .* such as 64|not an image size"):
        as_size(size)


@pytest.mark.parametrize(
    "size", ["", "x", "64x", "x64", "64x96x3", "64 px", "-64", "6.4", True, None, (64, 96)]
)
def test_what_is_no_size_is_told_how_sizes_are_written(size):
    with pytest.raises(GanlibError, match="write pixels, such as 64, or width x height, 64x96"):
        as_size(size)


def test_sizes_are_scaled_by_whole_numbers():
    assert Size(96, 64).over(2) == (48, 32)
    assert Size(96, 64).times(3) == (288, 192)
