"""An array file that is written row by row, so that it may be larger than memory."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


class NpyWriter:
    """Write images, (N, size, size, 3) uint8, one after the other; N is known only at the end."""

    def __init__(self, path: Path, size: int) -> None:
        """Begin the file at `path`."""
        self._file = path.open("wb")
        self._shape = (size, size, 3)
        self.count = 0
        self._write_header()

    def append(self, image: NDArray[np.uint8]) -> None:
        """Write one image, (size, size, 3) uint8."""
        self._file.write(np.ascontiguousarray(image).data)
        self.count += 1

    def close(self) -> None:
        """Write how many images there are, and bring the file to the disk; once more changes nothing."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            self._write_header()  # numpy left room in it for the first number to grow
            self._file.flush()
            os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        facts = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self._shape)}
        npy.write_array_header_1_0(self._file, facts)


def select_rows(path: Path, rows: Sequence[int]) -> None:
    """Keep only `rows` of the images at `path`, in that order."""
    selected = path.with_name(f"{path.stem}.selected{path.suffix}")
    try:
        with path.open("rb") as file:
            npy.read_magic(file)
            shape, _, _ = npy.read_array_header_1_0(file)
            begin, image_bytes = file.tell(), int(np.prod(shape[1:]))
            writer = NpyWriter(selected, shape[1])
            for row in rows:
                file.seek(begin + row * image_bytes)
                writer.append(np.frombuffer(file.read(image_bytes), np.uint8))
            writer.close()
        selected.replace(path)
    finally:
        selected.unlink(missing_ok=True)
