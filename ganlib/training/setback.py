"""What is said when training diverges: after a setback, and when there have been too many."""

from collections.abc import Sequence

from ganlib.errors import GanlibError
from ganlib.training.findings import Finding
from ganlib.training.state import MOST_SETBACKS, TrainingState

_DIVERGED = "training diverged"


def setback(state: TrainingState, step: int, kimg: float) -> Finding:
    """What happened at `step` and `kimg`, told by the state to which the run went back."""
    return Finding(
        _DIVERGED,
        f"In step {step}, at {kimg:.1f} kimg, a loss or a weight was no longer a number.",
        f"The run went back to {state.kimg:.1f} kimg and goes on with half the learning rates, "
        f"{_rates(state)} (setback {state.setbacks} of {MOST_SETBACKS} at most).",
    )


def diagnosis(state: TrainingState, told: Sequence[Finding]) -> GanlibError:
    """Why training stops for good, and what to try, from all that was said of the run."""
    before = [f"{finding.name} ({finding.seen.rstrip('.')})" for finding in told if finding.name != _DIVERGED]
    seen = f" Seen before: {'; '.join(before)}." if before else ""
    return GanlibError(
        f"Training diverged once more, in step {state.step}, at {state.kimg:.1f} kimg: a loss or a weight "
        f"was no longer a number, although the learning rates had been halved {state.setbacks} times, to "
        f"{_rates(state)}.{seen} The last checkpoint and the best generator are kept. Start in another "
        f"folder with lower rates, such as --set g_lr={state.recipe.g_lr / 10:g} "
        f"d_lr={state.recipe.d_lr / 10:g}, or with a D that cannot run away: d_norm=spectral."
    )


def _rates(state: TrainingState) -> str:
    share = 2**state.setbacks
    return f"g_lr={state.recipe.g_lr / share:g} and d_lr={state.recipe.d_lr / share:g}"
