"""What a run writes while it trains: samples, scores, rows of the log, and diagnostics."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ganlib.data.dataset import ImageDataset, to_bytes
from ganlib.data.opening import save_picture
from ganlib.errors import GanlibError
from ganlib.evaluation.quality import Reference
from ganlib.evaluation.scores import Diversity, SlicedWasserstein
from ganlib.latent.sampling import generate, sample_latent
from ganlib.run import Run
from ganlib.runtime.device import budget
from ganlib.runtime.files import write_atomically
from ganlib.training.diagnostics import Diagnostic, diagnose
from ganlib.training.state import MAX_ROLLBACKS, Best, TrainingState
from ganlib.weights import save_generator

_DENSE = 32
_SAMPLES_A_SCORE = 4


def sample_is_due(number: int) -> bool:
    """Tell whether to sample after so many thousand pictures: all up to 32, then one in two, in four ..."""
    return number % _gap(number) == 0


def score_is_due(number: int) -> bool:
    """Tell whether to score: every fourth of the times when samples are due."""
    return number % (_SAMPLES_A_SCORE * _gap(number)) == 0


@dataclass(frozen=True)
class Evaluation:
    """Measure KID every so many `kimg`, at half size; `extractor` is the recipe's own by default."""

    kimg: float = 20.0
    extractor: str = ""

    def __post_init__(self) -> None:
        if not self.kimg >= 1:
            raise GanlibError(f"KID can be measured every 1 kimg or more, not every {self.kimg}.")

    def is_due(self, number: int) -> bool:
        """Tell whether KID is due after so many thousand pictures."""
        return number // self.kimg > (number - 1) // self.kimg


def _gap(number: int) -> int:
    return 2 ** max(0, math.floor(math.log2(max(number, 1) / _DENSE)) + 1)


_DIVERGED = "training diverged"


def rolled_back(state: TrainingState, step: int, kimg: float) -> Diagnostic:
    """Say what happened at `step` and `kimg`, from the state to which the run went back."""
    return Diagnostic(
        _DIVERGED,
        f"In step {step}, at {kimg:.1f} kimg, a loss or the size of the weights was no longer finite.",
        f"The run went back to {state.kimg:.1f} kimg and continues with half the learning rates, "
        f"{_rates(state)} (rollback {state.rollbacks} of {MAX_ROLLBACKS} at most).",
    )


def divergence(state: TrainingState, told: Sequence[Diagnostic]) -> GanlibError:
    """Say why training stops for good, and what to try, from all that was said of the run."""
    before = [f"{found.name} ({found.seen.rstrip('.')})" for found in told if found.name != _DIVERGED]
    seen = f" Seen before: {'; '.join(before)}." if before else ""
    return GanlibError(
        f"Training diverged again, in step {state.step}, at {state.kimg:.1f} kimg: a loss or the size of the "
        f"weights was no longer finite, although the learning rates had been halved {state.rollbacks} times, "
        f"to {_rates(state)}.{seen} The last checkpoint and the best generator are kept. Start again in "
        f"another folder with lower rates, such as --set g_lr={state.recipe.g_lr / 10:g} "
        f"d_lr={state.recipe.d_lr / 10:g}, or slow D down with d_norm=spectral."
    )


def _rates(state: TrainingState) -> str:
    share = 2**state.rollbacks
    return f"g_lr={state.recipe.g_lr / share:g} and d_lr={state.recipe.d_lr / share:g}"


_LARGEST_SIZE_OF_MANY = 128
_FIRST_SEED_TO_SCORE = 1_000_000  # far from the samples'
_COMPARED = 512  # held-out pictures, and as many samples, that KID is measured on
_HALF = 2


class RunLogger:
    """Write samples, scores and log of a run; pictures are those of the moving average of G."""

    def __init__(
        self, run: Run, state: TrainingState, images: ImageDataset, evaluation: Evaluation | None = None
    ) -> None:
        """Nothing is written or measured yet; `evaluation` is there if KID is to be measured.

        Raises:
            GanlibError: there is no such extractor, its weights are missing, or the pictures are too few.
        """
        self.run = run
        self.state = state
        self._images = images
        self._evaluation = evaluation
        self._reference = evaluation and Reference.of(
            images, state.recipe.extractor(evaluation.extractor), budget(_COMPARED, 20)
        )
        many = max(images.shape) <= _LARGEST_SIZE_OF_MANY
        self._scored = 256 if many else 64
        self._sample_latent = sample_latent(36 if many else 9, state.recipe.latent_dim)
        self._diversity: float | None = None
        self._rows: list[dict[str, Any]] = []

    def open(self) -> None:
        """Make the run folder, or bring what stands in it to the place where the state is.

        Raises:
            GanlibError: the folder belongs to another recipe, the log is damaged, or the disk is full.
        """
        self.run.start(self.state.recipe)
        self.run.forget_after(self.state.step)
        if self.state.last_look is not None:
            self.run.sample_file(self.state.last_look).unlink(missing_ok=True)
            self.state.last_look = None
        self._rows = self.run.log()

    def sample(self) -> Path:
        """Write the grid of samples, unless it is there; its diversity goes into the next row."""
        from torchvision.utils import make_grid

        path = self.run.sample_file(self.state.step)
        if not path.exists():
            pictures = generate(self.state.ema.generator, self._sample_latent)
            self._diversity = self._measures[0](pictures)
            tiles = make_grid(to_bytes(pictures).permute(0, 3, 1, 2), round(len(pictures) ** 0.5))
            grid = Image.fromarray(tiles.permute(1, 2, 0).numpy())
            write_atomically(path, lambda part: save_picture(grid, part))
        return path

    def last_look(self) -> Path:
        """Write samples where training pauses; this grid is removed when training goes on."""
        if not self.run.sample_file(self.state.step).exists():
            self.state.last_look = self.state.step
        return self.sample()

    def write(
        self, measures: dict[str, float | None], speed: float, thousands: int
    ) -> tuple[dict[str, Any], list[Diagnostic]]:
        """Add a row after so many thousand pictures; returns it, and the diagnostics that are new."""
        state = self.state
        row: dict[str, Any] = {
            "step": state.step,
            "kimg": state.kimg,
            "epoch": state.epochs,
            "seconds": state.seconds,
            "images_per_second": speed,
            **measures,
            "diversity": self._diversity,
            "score": self._score() if score_is_due(thousands) else None,
        }
        if self._evaluation and self._reference:
            due = self._evaluation.is_due(thousands)
            row["kid"] = self._kid(self._reference) if due else None
            row["kid_with"] = self._reference.told(_HALF) if due else None
        self._diversity = None
        new = [found for found in diagnose([*self._rows, row]) if found.name not in state.told]
        state.told += [found.name for found in new]
        row["warnings"] = [asdict(found) for found in (*state.pending, *new)]
        state.pending = []
        self.run.append_log(row)
        self._rows.append(row)
        return row, new

    def note(self, started_from: str) -> None:
        """Write into a row of its own, before the first step, which weights the run began with."""
        self.run.append_log({"step": 0, "kimg": 0.0, "seconds": 0.0, "started_from": started_from})
        self._rows = self.run.log()

    def told(self) -> list[Diagnostic]:
        """List all diagnostics of the run so far."""
        warnings = (warning for row in self._rows for warning in row.get("warnings", []))
        return [*(Diagnostic(**warning) for warning in warnings), *self.state.pending]

    def _score(self) -> float:
        """Score the average of G, and keep it if it is the best so far and nothing better measures that."""
        score = self._measures[1](self._generate(self._scored))
        if not self._reference and (self.state.best is None or self.state.best.by == "score"):
            self._keep_if_best(Best(score, self.state.kimg, "score"))
        return score

    def _kid(self, reference: Reference) -> float:
        """KID of the average of G at half size, and keep it if it is the best so far."""
        kid = reference.kid(self._generate(reference.count), _HALF).mean
        self._keep_if_best(Best(kid, self.state.kimg, "kid"))
        return kid

    def _generate(self, count: int) -> Tensor:
        z = sample_latent(count, self.state.recipe.latent_dim, _FIRST_SEED_TO_SCORE)
        return generate(self.state.ema.generator, z)

    def _keep_if_best(self, now: Best) -> None:
        best = self.state.best
        if best is None or best.by != now.by or now.score < best.score:
            state = self.state
            save_generator(state.ema.generator, state.recipe, state.kimg, self.run.best_file)
            self.state.best = now

    @cached_property
    def _measures(self) -> tuple[Diversity, SlicedWasserstein]:
        """Both compare with held-out pictures, and with others where these are too few."""
        order = np.concatenate([self._images.held_out, self._images.train])
        real = self._images.tensor(order[: self._scored])
        return Diversity(real), SlicedWasserstein(real)


class NullLogger(RunLogger):
    """Write nothing, in a process that is not the main one."""

    def open(self) -> None:
        """Leave the run folder, which this machine may not even have, to the main process."""
        self._rows = []

    def sample(self) -> Path:
        """Return where the main process writes them."""
        return self.run.sample_file(self.state.step)

    def note(self, started_from: str) -> None:
        """Leave the log to the main process."""

    def write(self, *_: Any) -> tuple[dict[str, Any], list[Diagnostic]]:
        """Return an empty row and no diagnostics."""
        return {}, []
