"""Floats take less place on the disk, and come back to the bit."""

import zlib

import pytest
import torch

from ganlib.training.packing import pack, unpack


def floats(count, seed=0):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy().tobytes()


@pytest.mark.parametrize("data", [b"", b"a", b"abcde", bytes(range(256)), floats(1000), floats(7) + b"xyz"])
def test_it_comes_back_to_the_bit(data):
    assert unpack(pack(data)) == data


def test_floats_take_a_sixth_less():
    data = floats(100_000)
    parts = pack(data)
    size = parts["low"].numel() + parts["high"].numel()
    assert 0.78 < size / len(data) < 0.86


def test_only_tensors_of_bytes_and_a_number_are_kept():
    parts = pack(floats(10))
    assert {name: str(getattr(part, "dtype", type(part))) for name, part in parts.items()} == {
        "length": "<class 'int'>",
        "low": "torch.uint8",
        "high": "torch.uint8",
    }


def test_parts_that_do_not_fit_are_refused():
    parts = pack(floats(100))
    for name in ("low", "high"):
        with pytest.raises(ValueError):
            unpack({**parts, name: parts[name][:-9]})


def test_what_would_fill_the_memory_is_not_unpacked():
    bomb = zlib.compress(bytes(10**7), 9, wbits=-15)
    high = torch.frombuffer(bytearray(bomb), dtype=torch.uint8)
    small = unpack({**pack(bytes(400)), "high": high})
    assert small == bytes(400)
