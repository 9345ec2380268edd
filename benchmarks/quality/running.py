"""Run jobs, each in a process of its own, a few at a time, and measure each when it has ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from benchmarks.quality.job import Job
from benchmarks.quality.measuring import Result
from ganlib.runtime.files import make_folder

_SECONDS_BETWEEN_LOOKS = 1.0
_ROOT = Path(__file__).parents[2]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Measure = Callable[[Job], Result]


@dataclass
class Workers:
    """The processes that train just now, at most `parallel`, each with so many `threads`.

    `command` is what comes after `python`.
    """

    command: Callable[[Job], Sequence[str]]
    parallel: int
    threads: int | None
    at_work: dict[Job, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, job: Job) -> None:
        """Train a job; what its process says goes into its folder."""
        threads = {} if self.threads is None else dict.fromkeys(_THREADS, str(self.threads))
        make_folder(job.run.folder)
        with job.said_file.open("wb") as said:
            self.at_work[job] = subprocess.Popen(
                [sys.executable, *self.command(job)],
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                env=os.environ | threads,
                start_new_session=True,  # a Ctrl-C is for us to pass on, once
            )

    def ended(self) -> list[Job]:
        """List those that have ended since this was last asked."""
        done = [job for job, process in self.at_work.items() if process.poll() is not None]
        for job in done:
            del self.at_work[job]
        return done

    def stop(self) -> None:
        """Let all save what they have, and wait for them."""
        for process in self.at_work.values():
            process.send_signal(signal.SIGINT)
        for process in self.at_work.values():
            process.wait()
        self.at_work.clear()


def run_all(jobs: Sequence[Job], workers: Workers, measure: Measure) -> list[Job]:
    """Train and measure all jobs, as far as that has not been done; returns those that went wrong.

    While one is measured its place stays empty: there is a processor for that. If this is interrupted, all
    that train save what they have first.

    Raises:
        GanlibError: a folder belongs to another recipe.
    """
    waiting = [job for job in jobs if not job.is_trained()]
    broken = []
    for job in jobs:
        if job not in waiting:
            measure(job)
    with tqdm(desc="training", total=len(waiting), unit="run", disable=None) as shown:
        try:
            while waiting or workers.at_work:
                while waiting and len(workers.at_work) < workers.parallel:
                    workers.start(waiting.pop(0))
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                for job in workers.ended():
                    broken += [] if _finish(job, measure, shown.write) else [job]
                    shown.update()
        finally:
            workers.stop()
    return broken


def _finish(job: Job, measure: Measure, say: Callable[[str], object]) -> bool:
    """Measure a job that has ended, and tell of it; whether it has come to its end."""
    if not job.is_trained():
        say(f"{job.name} has ended too early: {job.last_words()}")
        return False
    last = max(measure(job).points.values(), key=lambda point: point.minutes)
    say(f"{job.name}: {last.kimg:.0f} kimg, {last.minutes:.1f} minutes, half-size KID {last.kid.mean:.0f}")
    return True
