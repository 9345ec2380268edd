"""Runs listed, summed up, and drawn together."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.runtime.files import expand_home
from ganlib.show.curves import curves, loss_scale, time_axis
from ganlib.show.figure import Figure, table
from ganlib.show.film import animate
from ganlib.show.grids import before_after


def show_run(run: Run) -> list[tuple[str, Path]]:
    """Write the film, the first samples beside the last, and the curves; returns what there is to look at.

    Raises:
        GanlibError: the run has no samples, or the disk is full.
    """
    animate(run)
    shown = [("sample grid", run.samples()[-1])]
    if len(run.samples()) > 1:
        shown.append(("before/after", before_after(run).save(run.folder / "before_after.png")))
    if len(run.log()) > 1:  # one row is no curve
        shown.append(("curves", curves(run).save(run.folder / "curves.png")))
    return [*shown, ("film", run.animation_file), ("generator", run.generator_file)]


_DEEPEST = 3
_HEADINGS = ("run", "recipe", "kimg", "minutes", "last warning", "best score")
_NOTHING = "-"


@dataclass(frozen=True)
class Summary:
    """What a run's recipe and log say of it; `problem` says why they cannot be read."""

    name: str
    changed: float
    recipe: str = _NOTHING
    kimg: float | None = None
    minutes: float | None = None
    warning: str = _NOTHING
    score: float | None = None
    problem: str = ""


def find_runs(folder: str | Path) -> list[Summary]:
    """The runs in `folder` and up to three levels below it, the one that was trained last at the end.

    Raises:
        GanlibError: there is no such folder.
    """
    folder = expand_home(folder)
    if not folder.is_dir():
        raise GanlibError(f"There is no folder '{folder}': train first, or name another that holds runs.")
    found = [_summary(run, _name(run, folder)) for run in _run_folders(folder)]
    return sorted(found, key=lambda summary: (summary.changed, summary.name))


def runs_table(summaries: Sequence[Summary]) -> str:
    """A line for each run, and below them what is wrong with those that cannot be read."""
    if not summaries:
        return "There are no runs yet: 'python -m ganlib train auto --run runs/first' begins one."
    sound = [summary for summary in summaries if not summary.problem]
    lines = [table([_HEADINGS, *map(_cells, sound)])] if sound else []
    return "\n".join(lines + [f"{each.name}: {each.problem}" for each in summaries if each.problem])


def _run_folders(folder: Path) -> Iterator[Run]:
    for place, below, files in os.walk(folder):
        if "recipe.json" in files:
            yield Run(Path(place))
        if "recipe.json" in files or len(Path(place).relative_to(folder).parts) >= _DEEPEST:
            below.clear()


def _name(run: Run, folder: Path) -> str:
    return folder.resolve().name if run.folder == folder else run.folder.relative_to(folder).as_posix()


def _summary(run: Run, name: str) -> Summary:
    files = [file for file in (run.recipe_file, run.log_file) if file.exists()]
    changed = max((file.stat().st_mtime for file in files), default=0.0)
    try:
        return _read(run, name, changed)
    except GanlibError as error:
        return Summary(name, changed, problem=str(error))
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        return Summary(name, changed, problem=f"Its recipe or log is damaged ({error!r}): mend or remove it.")


def _read(run: Run, name: str, changed: float) -> Summary:
    recipe, rows = run.recipe(), run.log()
    last = rows[-1] if rows else {"kimg": 0, "seconds": 0}
    told = [warning["name"] for row in rows for warning in row.get("warnings", [])]
    scores = [float(row["score"]) for row in rows if row.get("score") is not None]
    return Summary(
        name,
        changed,
        recipe.name,
        float(last["kimg"]),
        float(last["seconds"]) / 60,
        str(told[-1]) if told else _NOTHING,
        min(scores, default=None),
    )


def _cells(summary: Summary) -> tuple[str, ...]:
    score = _NOTHING if summary.score is None else f"{summary.score:.4f}"
    return (
        summary.name,
        summary.recipe,
        f"{summary.kimg:.1f}",
        f"{summary.minutes:.1f}",
        summary.warning,
        score,
    )


_Row = dict[str, Any]
_FEWEST, _MOST = 2, 4
_LOOKS = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#CC79A7", "-."))  # Okabe & Ito
_PANELS = [["d_loss", "real_probability"], ["g_loss", "fake_probability"]]
_TITLES = {
    "d_loss": "Loss of D",
    "g_loss": "Loss of G",
    "real_probability": "Real pictures: D(x)",
    "fake_probability": "Painted ones: D(G(z))",
    "score": "Score, the lower the better",
}
_WORDS = {
    "d_loss": "loss of D",
    "g_loss": "loss of G",
    "real_probability": "D(x)",
    "fake_probability": "D(G(z))",
    "score": "score",
}


def find_run(name: str | Path) -> Run:
    """The run in the folder `name` or, where there is none, in that folder below `runs`.

    Raises:
        GanlibError: there is neither.
    """
    for folder in (expand_home(name), Path("runs") / name):
        if Run(folder).recipe_file.is_file():
            return Run(folder)
    raise GanlibError(f"There is no run '{name}': 'python -m ganlib runs' lists those that there are.")


def compare(runs: Sequence[Run]) -> Figure:
    """The curves of two to four runs in the same axes, and below them their newest samples.

    The curves run over kimg, or over steps where one of the runs lets G play alone for whole epochs.

    Raises:
        GanlibError: there are fewer or more runs, one is there twice, or one has fewer than two rows in its
            log, no samples, or damaged ones.
    """
    from matplotlib.figure import Figure as Canvas

    _check(runs)
    logs = dict(zip(_labels(runs), map(_log, runs), strict=True))
    grids = [_newest_samples(run) for run in runs]
    canvas = Canvas(figsize=(12, 6 + 12 / len(runs)), layout="constrained", facecolor="white")
    halves: Any = canvas.subfigures(2, 1, height_ratios=[6, 12 / len(runs)])
    above, below = halves
    axis = "step" if "step" in map(time_axis, runs) else "kimg"
    _draw_curves(above, axis, logs)
    for axes, grid, (label, rows) in zip(below.subplots(1, len(runs)), grids, logs.items(), strict=True):
        axes.imshow(grid)
        axes.set_title(f"{label}, {rows[-1]['kimg']:.0f} kimg")
        axes.axis("off")
    return Figure.from_canvas(canvas, _describe(logs))


def _check(runs: Sequence[Run]) -> None:
    if not _FEWEST <= len(runs) <= _MOST:
        raise GanlibError(f"From {_FEWEST} to {_MOST} runs can be compared, not {len(runs)}.")
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise GanlibError("A run is named twice: name different ones.")


def _labels(runs: Sequence[Run]) -> list[str]:
    names = [run.folder.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _log(run: Run) -> list[_Row]:
    rows = run.log()
    if len(rows) <= 1:
        raise GanlibError(f"The log of '{run.folder}' is too short to draw: train for 2 kimg or more.")
    return rows


def _newest_samples(run: Run) -> Image.Image:
    samples = run.samples()
    if not samples:
        raise GanlibError(f"'{run.folder}' has no samples to compare: train there first.")
    try:
        return Image.open(samples[-1]).convert("RGB")
    except OSError as error:
        raise GanlibError(f"The sample '{samples[-1]}' is damaged: remove it ({error}).") from error


def _draw_curves(canvas: Any, axis: str, logs: dict[str, list[_Row]]) -> None:
    scored = all(_measured(rows, "score") for rows in logs.values())
    layout = [[*names, "score"] for names in _PANELS] if scored else _PANELS
    panels = canvas.subplot_mosaic(layout)
    scale = loss_scale(list(chain.from_iterable(logs.values())))
    for name, axes in panels.items():
        _draw(axes, axis, name, logs)
        if name in {"d_loss", "g_loss"}:
            axes.set_yscale(scale)
        if name in {"real_probability", "fake_probability"}:
            axes.set_ylim(0, 1)
    lines, labels = panels["d_loss"].get_legend_handles_labels()
    canvas.legend(lines, labels, loc="outside upper center", ncols=len(logs), frameon=False)


def _draw(axes: Any, axis: str, name: str, logs: dict[str, list[_Row]]) -> None:
    for (label, rows), (colour, style) in zip(logs.items(), _LOOKS, strict=False):
        measured = _measured(rows, name)
        points = [row[axis] for row in measured], [row[name] for row in measured]
        axes.plot(*points, style, color=colour, label=label)
    axes.set(title=_TITLES[name], xlabel=axis)
    axes.grid(alpha=0.3)


def _measured(rows: list[_Row], name: str) -> list[_Row]:
    """The rows that have a value; older logs have fewer columns."""
    return [row for row in rows if row.get(name) is not None]


def _describe(logs: dict[str, list[_Row]]) -> str:
    runs = "; ".join(f"{label}, {_last_values(rows)}" for label, rows in logs.items())
    return f"Line plots and grids of the newest samples of {len(logs)} runs: {runs}."


def _last_values(rows: list[_Row]) -> str:
    """How far a run came, and the last value of each of its curves."""
    values = [f"{rows[-1]['kimg']:.0f} kimg"]
    for name, words in _WORDS.items():
        if measured := _measured(rows, name):
            values.append(f"{words} {measured[-1][name]:.2f}")
    return ", ".join(values)
