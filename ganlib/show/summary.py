"""What a run has to show, as files in its folder."""

from pathlib import Path

from ganlib.run import Run
from ganlib.show.animation import animate
from ganlib.show.curves import curves
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
