"""What there is to tell of a run to those it is given to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlib.errors import GanlibError
from ganlib.evaluation.scores import Quality
from ganlib.recipes import Recipe
from ganlib.run import Run, kimg_of
from ganlib.sharing.origin import NOT_STATED, origin_of


@dataclass(frozen=True)
class Facts:
    """What a card tells: of the pictures (`data`, `licence`), the training, the figures and the warnings.

    `best` says that the weights are those with the best score, not the last. `kimg` and `minutes` are the
    length of their training, `minutes` 0 if nothing was logged. `quality_is_old` says that the weights are
    newer than their figures, and each of `warnings` at how many kimg it was given.
    """

    name: str
    recipe: Recipe
    data: str
    licence: str
    best: bool
    kimg: float
    minutes: float
    quality: Quality | None
    quality_is_old: bool
    warnings: tuple[tuple[float, str], ...]


def facts_of(run: Run, name: str, data: str | None, licence: str | None, best: bool) -> Facts:
    """Read from the run folder, up to the weights; `data` and `licence` are what the person says instead.

    Raises:
        GanlibError: there is no recipe, or it, the weights, the log or the figures are damaged.
    """
    recipe, origin, weights = run.recipe(), origin_of(run), run.weights_file(best=best)
    kimg = kimg_of(weights)
    rows = [row for row in run.log() if row["kimg"] <= kimg]
    figures = run.folder / ("quality-best.json" if best else "quality.json")
    return Facts(
        name,
        recipe,
        data or origin.data,
        licence or (NOT_STATED if data else origin.licence),
        best,
        kimg,
        rows[-1]["seconds"] / 60 if rows else 0.0,
        _read_quality(figures),
        _is_older(figures, weights),
        _warnings(rows),
    )


def _warnings(rows: list[dict[str, Any]]) -> tuple[tuple[float, str], ...]:
    """When each was given for the first time, and what was seen."""
    first: dict[str, float] = {}
    for row in rows:
        for warning in row.get("warnings", []):
            first.setdefault(warning["seen"], row["kimg"])
    return tuple((kimg, seen) for seen, kimg in first.items())


def _read_quality(file: Path) -> Quality | None:
    """What `evaluate` wrote.

    Raises:
        GanlibError: it is damaged.
    """
    if not file.is_file():
        return None
    try:
        return Quality.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, GanlibError) as error:
        raise GanlibError(f"'{file}' is damaged: remove it, or evaluate the run once more.") from error


def _is_older(file: Path, other: Path) -> bool:
    return file.is_file() and other.is_file() and file.stat().st_mtime < other.stat().st_mtime
