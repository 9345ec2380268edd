"""Trains in forked processes, each of which dies, or finds the disk full, at a moment of its own.

Called with a folder and "kill" or "full"; prints as JSON what became of every process.
A moment is a step, or a point inside the writing of a file: half of it written, all of it, synced, renamed.
"""

import errno
import hashlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch._dynamo
import torchvision.utils  # noqa: F401 (imported here, once for all processes)

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe
from ganlib.training import checkpoint, trainer
from ganlib.training.callbacks import Callback

PROCESSES = 30
KIMG = 2.2
RECIPE = Recipe("test", size=32, latent_dim=8, width=2, batch_size=16, hflip=True)


def pictures() -> ImageDataset:
    coarse = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    return ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")


class Moments(Callback):
    """Counts moments, and acts from the one named on."""

    def __init__(self, last: float, act: Callable[[], None]) -> None:
        self.count, self.last, self.act = 0, last, act

    def pass_by(self) -> None:
        self.count += 1
        if self.count >= self.last:
            self.act()

    def on_step(self, trainer: trainer.Trainer) -> None:
        if self.act is kill:  # a disk is full only when something is written
            self.pass_by()

    def watch_files(self) -> None:
        """Let every write, sync and renaming pass by."""
        write, replace, fsync, opened = Path.write_bytes, Path.replace, os.fsync, Path.open

        def write_bytes(path: Path, data: bytes) -> None:
            half = len(data) // 2
            write(path, data[:half])
            self.pass_by()
            with opened(path, "ab") as file:
                file.write(data[half:])
            self.pass_by()

        def replaced(path: Path, target: Path) -> None:
            self.pass_by()
            replace(path, target)
            self.pass_by()

        def synced(descriptor: int) -> None:
            self.pass_by()
            fsync(descriptor)

        def append_only(path: Path, mode: str = "r", **settings: str):
            file = opened(path, mode, **settings)
            return HalfWritten(file, self.pass_by) if mode == "a" else file

        Path.write_bytes, Path.replace, Path.open, os.fsync = write_bytes, replaced, append_only, synced


class HalfWritten:
    """A file to which a line goes in two parts."""

    def __init__(self, file, between: Callable[[], None]) -> None:
        self.file, self.between = file, between

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, text: str) -> None:
        self.file.write(text[: len(text) // 2])
        self.file.flush()
        self.between()
        self.file.write(text[len(text) // 2 :])


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def train(folder: Path, report: Callable[..., None], last: float, act: Callable[[], None]) -> None:
    moments = Moments(last, act)
    run = trainer.Trainer(RECIPE, pictures(), folder, device="cpu", callbacks=[moments], save_minutes=1e-9)
    report("begins", run.state.step)
    save = checkpoint.save_checkpoint

    def saved(state, run) -> None:
        save(state, run)
        report("saved", state.step)

    trainer.save_checkpoint = saved
    moments.watch_files()
    try:
        run.fit(kimg=KIMG)
    except GanlibError as error:
        report("error", str(error))
        return
    report("moments", moments.count)
    report("state", fingerprint(run.state.state_dict()))


def fingerprint(state: dict[str, object]) -> str:
    """A hash over every bit of the state, but for the seconds that it took."""
    digest = hashlib.sha256()

    def add(part: object) -> None:
        if isinstance(part, dict):
            for name in sorted(part.keys() - {"seconds"}, key=str):
                digest.update(str(name).encode())
                add(part[name])
        else:
            digest.update(part.numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode())

    add(state)
    return digest.hexdigest()


def in_a_process(folder: Path, last: float, act: Callable[[], None]) -> dict[str, object]:
    """What a forked process reported until its end, the last word of each kind, and how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)

        def report(*words: object) -> None:
            os.write(writing, (json.dumps(words) + "\n").encode())

        try:
            train(folder, report, last, act)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        words = dict(json.loads(line) for line in pipe)
    _, status = os.waitpid(child, 0)
    return {**words, "signal": status & 127}


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    act = {"kill": kill, "full": fill}[mode]
    whole = in_a_process(folder / "whole", float("inf"), act)
    chance = random.Random(5)
    found = []
    for number in range(PROCESSES):  # the first ones die early, so that also the first save is torn
        last = chance.randint(1, 40 if number < 8 else 260)
        found.append({"last": last, **in_a_process(folder / "parts", last, act)})
    found.append(in_a_process(folder / "parts", float("inf"), act))
    sys.stdout.write(json.dumps({"whole": whole, "parts": found}))


if __name__ == "__main__":
    main()
