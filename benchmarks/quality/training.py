"""Train one run to its last mark, in this process, and keep the generator at each."""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock

from benchmarks.machine import matrix_rate
from benchmarks.quality.job import Job, Place
from benchmarks.quality.systems import Mark
from ganlib.data.dataset import load_art
from ganlib.errors import GanlibError
from ganlib.runtime.device import Machine
from ganlib.runtime.files import make_folder
from ganlib.training.callbacks import Callback, Training
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.trainer import Trainer
from ganlib.weights import save_generator

_ENDLESS = 1e9  # kimg: what ends a run is its last mark
_SECONDS_BETWEEN_PLACES = 1.0
_TOO_LATE = 1.1
_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Seconds of training: on a CPU those that this process has computed, so that other work does not count.

    On another device they are seconds of the clock.
    """

    def __init__(self, device: torch.device, seconds: float) -> None:
        """Go on from so many seconds."""
        self._device = device
        self._now = time.process_time if device.type == "cpu" else time.perf_counter
        self._before, self._since = seconds, self._now()

    def seconds(self) -> float:
        """Read it; the device is not waited for."""
        return self._before + self._now() - self._since

    def exact(self) -> float:
        """Read it once the device has done all that it was given."""
        if self._device.type != "cpu":
            torch.get_device_module(self._device.type).synchronize()
        return self.seconds()

    @contextmanager
    def paused(self) -> Iterator[float]:
        """Do something that costs nothing; yields the seconds so far."""
        self._before = self.exact()
        yield self._before
        self._since = self._now()


def peak_memory(device: torch.device) -> float:
    """Return the most bytes so far: on a GPU those that torch has given out, else those of this process.

    The process's are known on Linux alone; elsewhere this is NaN.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not _STATUS.exists():
        return math.nan
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return 1024 * int(lines["VmHWM"].split()[0])  # that of `resource` a process inherits from who started it


class Keeper(Callback):
    """Keep the averaged generator at each mark of a job, and end the training after the last one.

    It also ends once the process that started it is gone: nobody would wait for it any more.
    """

    def __init__(self, job: Job) -> None:
        """Nothing is kept yet."""
        self._job = job
        self._parent = os.getppid()

    def on_start(self, trainer: Training) -> None:
        """Go back to where the checkpoint stands.

        Raises:
            GanlibError: the run is past a mark that it has not kept.
        """
        last = self._job.go_back(trainer.state.step)
        kept = self._job.kept()
        self._missing = [mark for mark in self._job.stage.marks() if mark.name not in kept]
        for mark in self._missing:
            if mark.share(trainer.state.kimg, last.minutes) > _TOO_LATE:
                raise GanlibError(
                    f"'{trainer.run.folder}' is past {mark.value:g} {mark.unit} and has kept nothing there, "
                    "since its marks were others: remove the folder, or name others with --runs."
                )
        self._rate = _rate(trainer.machine)
        if trainer.machine.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(
                trainer.machine.device
            )  # that of the matrices is not the run's
        self._written = last.seconds
        self._watch = Stopwatch(trainer.machine.device, last.seconds)

    def on_step(self, trainer: Training) -> None:
        """Keep the generator if it is time to, and note where the run is."""
        seconds = self._watch.seconds()
        if self._due(trainer, seconds):
            with self._watch.paused() as seconds:
                for mark in self._due(trainer, seconds):
                    self._keep(trainer, mark, seconds)
        elif seconds - self._written > _SECONDS_BETWEEN_PLACES:
            self._note(trainer, seconds)
        if not self._missing or os.getppid() != self._parent:
            signal.raise_signal(signal.SIGINT)  # as the stop button does

    def on_warning(self, trainer: Training, _finding: Diagnostic) -> None:
        """Note where the run is: it may have gone back."""
        self._note(trainer, self._watch.seconds())

    def on_end(self, trainer: Training) -> None:
        """Note what the run has cost when it was saved."""
        self._note(trainer, self._watch.exact())

    def _due(self, trainer: Training, seconds: float) -> list[Mark]:
        return [mark for mark in self._missing if mark.share(trainer.state.kimg, seconds / 60) >= 1]

    def _keep(self, trainer: Training, mark: Mark, seconds: float) -> None:
        kimg, memory = trainer.state.kimg, peak_memory(trainer.machine.device)
        save_generator(trainer.state.ema.generator, trainer.recipe, kimg, self._job.kept_file(mark))
        self._job.note(Place(trainer.state.step, kimg, seconds, memory, mark.name, self._rate))
        self._missing.remove(mark)

    def _note(self, trainer: Training, seconds: float) -> None:
        self._job.note(Place(trainer.state.step, trainer.state.kimg, seconds))
        self._written = seconds


def _rate(machine: Machine) -> float:
    """What large matrix products reach; 0 on a CPU, where convolutions may well outdo them."""
    on_a_cpu = machine.device.type == "cpu"
    return 0.0 if on_a_cpu else matrix_rate(machine.device.type, machine.precision)


def train(job: Job) -> bool:
    """Train a job from where it stands; returns whether it has come to its end, and was not interrupted.

    Raises:
        GanlibError: its folder belongs to another recipe or to other marks, or it diverged.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or a run in the background would not end
    art = load_art(job.stage.art, job.stage.size)
    with FileLock(make_folder(job.run.folder) / ".job.lock"):  # one that is just ending is waited for
        if not job.is_trained():
            device, precision = job.stage.device, job.system.precision
            trainer = Trainer(
                job.recipe(),
                art,
                job.run.folder,
                device=device,
                precision=precision,
                callbacks=[Keeper(job)],
            )
            trainer.fit(kimg=_ENDLESS)
        return job.is_trained()
