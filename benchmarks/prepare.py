"""What preparing costs and what it saves: pictures a second, memory, opening, reading an epoch.

`python -m benchmarks.prepare` makes its own folders of pictures, runs every measured program in a process of
its own, the rivals in turn, and prints tables. It runs on Linux, needs 4 GB of disk for a while and takes
some ten minutes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.machine import describe, table
from benchmarks.throughput import make_jpegs
from ganlib.data.dataset import ImageDataset
from ganlib.data.loader import OnDevice, ReadAhead

_IMAGE_FOLDER = """
import sys, time
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor
size = int(sys.argv[2])
data = ImageFolder(sys.argv[1], Compose([Resize(size), CenterCrop(size), ToTensor()]))
begin = time.perf_counter()
count = sum(len(batch) for batch, _ in DataLoader(data, batch_size=64, num_workers=int(sys.argv[3])))
print(count / (time.perf_counter() - begin))
"""
_PREPARE = """
import sys, time
from pathlib import Path
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
begin = time.perf_counter()
prepare(Path(sys.argv[1]), Settings(int(sys.argv[2])), Path(sys.argv[3]))
seconds = time.perf_counter() - begin
again = time.perf_counter()
prepare(Path(sys.argv[1]), Settings(int(sys.argv[2])), Path(sys.argv[3]))
again = time.perf_counter() - again
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, again, int(peak.split()[1]) * 1.024 / 1000)
"""
_OPEN = """
import sys, time
from pathlib import Path
from ganlib.data.dataset import ImageDataset
begin = time.perf_counter()
art = ImageDataset.open(Path(sys.argv[1]))
art.images[len(art) // 2].sum()
print(1000 * (time.perf_counter() - begin))
"""


_HEADINGS = (
    ["JPEGs of 1000x1200 px", "KB each", "size", "ImageFolder, pictures/s", "prepare, pictures/s", "ratio"],
    ["pictures", "size", "seconds", "peak memory, MB", "looked through again, s", "opened, ms"],
    ["100,000 pictures of 64 px", "GB/s"],
)


def measured(code: str, *arguments: object) -> list[float]:
    """Return the numbers that a program of its own prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [float(number) for number in done.stdout.split()]


def linked(files: list[Path], folder: Path, count: int) -> Path:
    """Make a folder of `count` names for the same few files."""
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:06d}{files[0].suffix}").hardlink_to(files[index % len(files)])
    return folder


def against_image_folder(folder: Path, size: int, rounds: int, place: Path) -> tuple[float, float]:
    """Measure pictures a second of ganlib and `ImageFolder`, the median of rounds, in turn."""
    count, cores = len(list((folder / "art").iterdir())), os.cpu_count() or 1
    ours, theirs = [], []
    for turn in range(rounds):
        theirs += measured(_IMAGE_FOLDER, folder, size, cores)
        out = place / f"{folder.name}-{size}-{turn}"
        ours.append(count / measured(_PREPARE, folder, size, out)[0])
    return statistics.median(ours), statistics.median(theirs)


def jpegs(place: Path, grain: int, quality: int) -> Path:
    """Make a class folder of 2,048 names for 512 JPEGs of 1000x1200 px."""
    make_jpegs(place / f"grain-{grain}-{quality}-few", 512, grain, quality)
    folder = place / f"grain-{grain}-{quality}"
    folder.mkdir()
    linked(sorted((place / f"grain-{grain}-{quality}-few" / "art").iterdir()), folder / "art", 2_048)
    return folder


def speed_rows(place: Path, rounds: int) -> Iterator[list[str]]:
    """Compare preparing with decoding in every epoch, for pictures of less and more detail."""
    for grain, quality, sizes in ((6, 75, (64, 512)), (6, 85, (64,)), (12, 90, (64,))):
        folder = jpegs(place, grain, quality)
        kilobytes = statistics.mean(path.stat().st_size for path in (folder / "art").iterdir()) / 1000
        for size in sizes:
            ours, theirs = against_image_folder(folder, size, rounds, place)
            about = f"quality {quality}, grain of {grain} levels"
            rates = [f"{theirs:.0f}", f"{ours:.0f}", f"{ours / theirs:.2f}"]
            yield [about, f"{kilobytes:.0f}", str(size), *rates]


def memory_rows(place: Path) -> Iterator[list[str]]:
    """Measure peak memory and time of large sets, and how fast they open afterwards."""
    large = linked(sorted((place / "grain-6-75-few" / "art").iterdir()), place / "large", 2_800)
    small = small_pictures(place / "small", 100_000)
    for folder, count, size in ((large, 2_800, 512), (small, 100_000, 64)):
        out = place / f"set-{count}"
        seconds, again, peak = measured(_PREPARE, folder, size, out)
        opened = statistics.median(measured(_OPEN, out)[0] for _ in range(5))
        yield [f"{count:,}", str(size), f"{seconds:.0f}", f"{peak:.0f}", f"{again:.2f}", f"{opened:.1f}"]


def small_pictures(folder: Path, count: int) -> Path:
    """Make a folder of different JPEGs of 96x96 px, as a data set of thumbnails has them."""
    random = np.random.default_rng(1)
    folder.mkdir()
    for index in range(count):
        colours = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        colours.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{index:06d}.jpg", quality=90)
    return folder


def epoch_rows(place: Path, device: torch.device) -> Iterator[list[str]]:
    """Measure the gigabytes a second that an epoch reads, and that a plain copy of memory reaches."""
    images = ImageDataset.open(place / "set-100000")
    storages: dict[str, OnDevice | ReadAhead] = {
        "on the device": OnDevice(images, device),
        "read ahead": ReadAhead(images, device),
    }
    for name, storage in storages.items():
        rate = statistics.median(epoch_rates(storage, images))
        yield [f"an epoch in batches of 64, {name}", f"{rate:.2f}"]
    rows = torch.empty((len(images.train), 64 * 64 * 3), dtype=torch.uint8, device=device).fill_(1)
    yield ["a copy of the same bytes, 64 rows at a time", f"{statistics.median(copy_rates(rows)):.2f}"]


def epoch_rates(storage: OnDevice | ReadAhead, images: ImageDataset) -> list[float]:
    """Measure GB/s of three epochs in shuffled batches of 64."""
    count, rates = len(images.train), []
    for epoch in range(3):
        storage.begin(torch.randperm(count, generator=torch.Generator().manual_seed(epoch)))
        begin, total = time.perf_counter(), 0
        for start in range(0, count, 64):
            total += storage.read(start, min(start + 64, count)).nbytes
        rates.append(total / (time.perf_counter() - begin) / 1e9)
    return rates


def copy_rates(rows: torch.Tensor) -> list[float]:
    """Measure GB/s of three copies of (N, bytes)."""
    rates = []
    for _ in range(3):
        begin = time.perf_counter()
        for part in rows.split(64):
            part.clone()
        rates.append(rows.nbytes / (time.perf_counter() - begin) / 1e9)
    return rates


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", type=torch.device, default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(describe(str(options.device)), flush=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        every = (speed_rows(place, options.rounds), memory_rows(place), epoch_rows(place, options.device))
        for headings, rows in zip(_HEADINGS, every, strict=True):
            print()
            for line in table(headings, rows):
                print(line, flush=True)


if __name__ == "__main__":
    main()
