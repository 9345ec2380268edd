"""Runs listed, summed up, and drawn together."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ganlib.errors import GanlibError, plain
from ganlib.run import Run
from ganlib.show.curves import (
    COLUMNS,
    Row,
    curves,
    describe,
    loss_scale,
    measured,
    plot_column,
    read_log,
    time_axis,
)
from ganlib.show.figure import BLUE, GREEN, ORANGE, PINK, Figure, new_canvas, table
from ganlib.show.film import animate
from ganlib.show.grids import before_after, open_sample, sample_grids

_DEEPEST = 3
_HEADINGS = ("run", "recipe", "kimg", "minutes", "last warning", "best score")
_NOTHING = "-"
_LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (PINK, "-."))
_PANELS = [["d_loss", "real_probability"], ["g_loss", "fake_probability"]]
_SAID = COLUMNS | {"score": "score"}
_TITLES = {
    "d_loss": "Loss of D",
    "g_loss": "Loss of G",
    "real_probability": "Real pictures: D(x)",
    "fake_probability": "Generated pictures: D(G(z))",
    "score": "Score, the lower the better",
}


def show_run(run: Run) -> list[tuple[str, Path]]:
    """Write the film, the first samples beside the last, and the curves; return what there is to look at.

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


@dataclass(frozen=True)
class Summary:
    """What the recipe and the log of a run say, as `cells` of the table, or why they cannot be read."""

    name: str
    changed: float  # seconds since 1970
    cells: tuple[str, ...] = ()
    problem: str = ""


def find_runs(folder: str | Path) -> list[Summary]:
    """Find the runs in `folder` and three levels below, newest last; a missing folder is a `GanlibError`."""
    folder = Run(folder).folder
    if not folder.is_dir():
        raise GanlibError(f"There is no folder '{folder}': train first, or name another that holds runs.")
    found = [_summary(run, folder) for run in _run_folders(folder)]
    return sorted(found, key=lambda summary: (summary.changed, summary.name))


def runs_table(summaries: Sequence[Summary]) -> str:
    """Write a line for each run, and below them what is wrong with those that cannot be read."""
    if not summaries:
        return "There are no runs yet: 'python -m ganlib train auto --run runs/first' begins one."
    sound = [summary.cells for summary in summaries if not summary.problem]
    lines = [table([_HEADINGS, *sound])] if sound else []
    return "\n".join(lines + [f"{each.name}: {each.problem}" for each in summaries if each.problem])


def _run_folders(folder: Path) -> Iterator[Run]:
    for place, below, files in os.walk(folder):
        if "recipe.json" in files:
            yield Run(Path(place))
        if "recipe.json" in files or len(Path(place).relative_to(folder).parts) >= _DEEPEST:
            below.clear()


def _summary(run: Run, folder: Path) -> Summary:
    name = plain(folder.resolve().name if run.folder == folder else run.folder.relative_to(folder).as_posix())
    files = [file for file in (run.recipe_file, run.log_file) if file.exists()]
    changed = max((file.stat().st_mtime for file in files), default=0.0)
    try:
        return Summary(name, changed, _cells(run, name))
    except GanlibError as error:
        return Summary(name, changed, problem=str(error))


def _cells(run: Run, name: str) -> tuple[str, ...]:
    rows = run.log()
    last = rows[-1] if rows else {"kimg": 0, "seconds": 0}
    warnings = [warning["name"] for row in rows for warning in row.get("warnings", [])]
    progress = f"{last['kimg']:.1f}", f"{last['seconds'] / 60:.1f}"
    scores = [row["score"] for row in measured(rows, "score")]
    best = f"{min(scores):.4f}" if scores else _NOTHING
    warning = plain(warnings[-1]) if warnings else _NOTHING
    return name, plain(run.recipe().name), *progress, warning, best


def find_run(name: str | Path) -> Run:
    """Open the run in the folder `name`, or else below `runs`; if neither holds one, raise `GanlibError`."""
    for run in (Run(name), Run(Path("runs") / name)):
        if run.recipe_file.is_file():
            return run
    raise GanlibError(f"There is no run '{name}': 'python -m ganlib runs' lists those that there are.")


def compare(runs: Sequence[Run]) -> Figure:
    """Draw the curves of two to four runs into the same axes, and their newest samples below.

    The curves run over kimg, or over steps if one of the runs lets G train alone for whole epochs.

    Raises:
        GanlibError: there are fewer or more runs, one is there twice, or one has fewer than two rows in its
            log, no samples, or damaged ones.
    """
    if not 2 <= len(runs) <= len(_LOOKS):  # noqa: PLR2004 (one is no comparison)
        raise GanlibError(f"From 2 to {len(_LOOKS)} runs can be compared, not {len(runs)}.")
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise GanlibError("A run is named twice: name different ones.")
    logs = dict(zip(_labels(runs), map(read_log, runs), strict=True))
    grids = [open_sample(sample_grids(run)[-1]) for run in runs]
    canvas = new_canvas(12, 6 + 12 / len(runs))
    above, below = canvas.subfigures(2, 1, height_ratios=[6, 12 / len(runs)])
    _draw_curves(above, "step" if "step" in map(time_axis, runs) else "kimg", logs)
    panels = below.subplots(1, len(runs))
    for axes, grid, (label, rows) in zip(panels, grids, logs.items(), strict=True):
        axes.imshow(grid)
        axes.set_title(f"{label}, {rows[-1]['kimg']:.0f} kimg")
        axes.axis("off")
    told = "; ".join(f"{label}, {describe(rows, _SAID)}" for label, rows in logs.items())
    alt = f"Line plots and grids of the newest samples of {len(logs)} runs: {told}."
    return Figure.from_canvas(canvas, alt)


def _labels(runs: Sequence[Run]) -> list[str]:
    names = [run.folder.resolve().name for run in runs]
    labels = names if len(set(names)) == len(names) else [str(run.folder) for run in runs]
    return [plain(label).replace("$", r"\$").lstrip("_") or str(n) for n, label in enumerate(labels)]


def _draw_curves(canvas: Any, axis: str, logs: dict[str, list[Row]]) -> None:
    scored = all(measured(rows, "score") for rows in logs.values())
    panels = canvas.subplot_mosaic([[*names, "score"] for names in _PANELS] if scored else _PANELS)
    for column, axes in panels.items():
        for (label, rows), (colour, style) in zip(logs.items(), _LOOKS, strict=False):
            plot_column(axes, axis, rows, column, color=colour, linestyle=style, label=label)
        axes.set(title=_TITLES[column], xlabel=axis)
    scale = loss_scale(list(chain.from_iterable(logs.values())))
    for losses, verdicts in zip(("d_loss", "g_loss"), ("real_probability", "fake_probability"), strict=True):
        panels[losses].set_yscale(scale)
        panels[verdicts].set_ylim(0, 1)
    legend = panels["d_loss"].get_legend_handles_labels()
    canvas.legend(*legend, loc="outside upper center", ncols=len(logs), frameon=False)
