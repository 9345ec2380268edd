"""The runs below a folder, as a table."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganlib.errors import GanlibError
from ganlib.files import expand_home
from ganlib.run import Run
from ganlib.show.table import table

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
