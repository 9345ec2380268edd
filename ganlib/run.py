"""The run folder as an object: training writes it, everything else reads it."""

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict, cast

from msgspec import Meta

from ganlib.errors import GanlibError
from ganlib.recipes import Recipe
from ganlib.recipes.recipe import RecipeValues
from ganlib.runtime.files import (
    check_place,
    decode_json,
    disk_errors_explained,
    expand_home,
    is_part,
    locked,
    make_folder,
    read_bytes,
    read_json,
    write_atomically,
)

_NOT_COMPUTED = {"name", "about", "project", "pictures", "art", "epochs"}  # they change no result

Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e12)]
Finite = Annotated[float, Meta(ge=-3.5e38, le=3.5e38)]  # what fp32 can hold


class Warned(TypedDict):
    """A diagnostic as the log and a checkpoint hold it."""

    name: str
    seen: str
    advice: str


class Row(TypedDict, total=False):
    """A row of the log; a value that was not measured is None, and older logs have fewer."""

    step: Required[Count]
    kimg: Required[Amount]
    seconds: Required[Amount]
    epoch: Amount | None
    images_per_second: Amount | None
    d_loss: Finite | None
    g_loss: Finite | None
    real_probability: Finite | None
    fake_probability: Finite | None
    d_gradient: Finite | None
    g_gradient: Finite | None
    diversity: Finite | None
    score: Finite | None
    kid: Finite | None
    kid_with: str | None
    started_from: str
    warnings: list[Warned]


class Run:
    """A run folder, named by a path or by text; nothing is written until `start`."""

    def __init__(self, folder: str | Path) -> None:
        """Name the files of the folder; a name that no folder can have raises `GanlibError`."""
        self.folder = expand_home(folder)
        self.recipe_file = self.folder / "recipe.json"  # what is computed
        self.log_file = self.folder / "log.jsonl"  # what was measured, one JSON object a line
        self.samples_folder = self.folder / "samples"  # grids of samples, named by step
        self.checkpoint_file = self.folder / "checkpoint.pt"  # the whole state of training
        self.previous_checkpoint_file = self.folder / "checkpoint.previous.pt"  # in case that is damaged
        self.generator_file = self.folder / "generator.safetensors"  # what one shares
        self.best_file = self.folder / "best.safetensors"  # the generator with the best score
        self.animation_file = self.folder / "training.gif"
        check_place(self.previous_checkpoint_file)

    def __repr__(self) -> str:
        return f"Run('{self.folder}')"

    @property
    def checkpoints(self) -> list[Path]:
        """The states that are there, newest first."""
        return [path for path in (self.checkpoint_file, self.previous_checkpoint_file) if path.is_file()]

    def weights_file(self, *, best: bool = False) -> Path:
        """Return the file of the last generator, or of the one with the best score.

        Raises:
            GanlibError: it is not there.
        """
        path = self.best_file if best else self.generator_file
        if not path.is_file():
            todo = "no score was taken in its training: do without 'best'" if best else "train there first"
            raise GanlibError(f"'{self.folder}' holds no {path.name}: {todo}.")
        return path

    def start(self, recipe: Recipe) -> None:
        """Make the folder for `recipe`, or find that it was made for the same one.

        Raises:
            GanlibError: the folder belongs to another recipe, or cannot be written.
        """
        self.check(recipe)
        make_folder(self.samples_folder)
        for path in (*self.folder.iterdir(), *self.samples_folder.iterdir()):
            if is_part(path) and path.is_file():  # of a process that was killed while it wrote
                path.unlink(missing_ok=True)
        if self.recipe_file.exists():
            return
        text = json.dumps(recipe.to_json(), indent=2) + "\n"
        write_atomically(self.recipe_file, lambda part: part.write_text(text, encoding="utf-8"))

    def check(self, recipe: Recipe) -> None:
        """Raise `GanlibError` if a run of `recipe` cannot begin or go on in this folder."""
        if self.generator_file.exists() and not self.checkpoints:
            raise GanlibError(
                f"The run folder '{self.folder}' holds a trained generator but no checkpoint.pt: going on "
                "would lose it. Put the checkpoint back, or choose another folder."
            )
        if not self.recipe_file.exists():
            return
        here = self.recipe()
        for name in here.differences(recipe):
            if name not in _NOT_COMPUTED:
                raise GanlibError(
                    f"The run folder '{self.folder}' belongs to another recipe: its {name} is "
                    f"{getattr(here, name)!r}, not {getattr(recipe, name)!r}. Choose another folder."
                )

    def recipe(self) -> Recipe:
        """Read the recipe of this run.

        Raises:
            GanlibError: there is none, or it cannot be read.
        """
        if not self.recipe_file.is_file():
            raise GanlibError(f"'{self.folder}' is no run folder: it has no recipe.json.")
        return Recipe.from_json(read_json(self.recipe_file, RecipeValues))

    def log(self) -> list[dict[str, Any]]:
        """Read the rows of the log, oldest first; a last line cut short is left out.

        Raises:
            GanlibError: another line is damaged.
        """
        rows = [_row(line) for line in self._lines()]
        if None in rows:
            raise self._damaged_log(rows.index(None))
        return [row for row in rows if row is not None]

    def _lines(self) -> list[bytes]:
        """The lines of the log; a last one cut short is left out."""
        return read_bytes(self.log_file).split(b"\n")[:-1] if self.log_file.exists() else []

    def _damaged_log(self, line: int) -> GanlibError:
        return GanlibError(f"The log '{self.log_file}' is damaged in line {line + 1}: mend or remove it.")

    def append_log(self, row: dict[str, Any]) -> None:
        """Add one row to the log; what is no number is written as null, as JSON has none.

        Raises:
            GanlibError: the disk is full.
        """
        line = _NO_NUMBER.sub(b"null", json.dumps(row).encode()) + b"\n"
        with disk_errors_explained(self.log_file), self.log_file.open("ab") as file:
            file.write(line)

    def sample_file(self, step: int) -> Path:
        """Return the place of the grid of samples after `step` steps."""
        return self.samples_folder / f"{step:06d}.png"

    def samples(self) -> list[Path]:
        """List the grids of samples, oldest first."""
        samples = (path for path in self.samples_folder.glob("*.png") if path.stem.isdecimal())
        return sorted(samples, key=lambda path: int(path.stem))

    def forget_after(self, step: int) -> None:
        """Drop log rows and samples later than `step`: they will be made again.

        Raises:
            GanlibError: a row before `step`, or a whole row after it, is damaged; or the disk is full.
        """
        lines = self._lines()
        rows = [_row(line) for line in lines]
        end = max((n + 1 for n, row in enumerate(rows) if row and row["step"] <= step), default=0)
        for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
            if row is None and (place < end or line.endswith(b"}")):  # others were torn when the power went
                raise self._damaged_log(place)
        text = b"".join(line + b"\n" for line in lines[:end])
        if not self.log_file.exists() or self.log_file.read_bytes() != text:  # else whoever reads on loses it
            write_atomically(self.log_file, lambda part: part.write_bytes(text))
        for sample in self.samples():
            if int(sample.stem) > step:
                sample.unlink()

    def held(self) -> AbstractContextManager[None]:
        """Lock the run folder against a second training process while entered.

        Raises:
            GanlibError: another one does.
        """
        return locked(self.folder / ".lock", "training", 0)


_NO_NUMBER = re.compile(rb"(?<=: )(?:NaN|-?Infinity)(?=[,}])")  # older logs hold some


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        return cast(dict[str, Any], decode_json(_NO_NUMBER.sub(b"null", line), Row))
    except ValueError:
        return None
