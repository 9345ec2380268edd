"""The run folder as an object: training writes it, everything else reads it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Generator, check_generator
from ganlib.recipes import Recipe
from ganlib.runtime.files import (
    bundled_folder,
    disk_errors_explained,
    expand_home,
    is_part,
    locked,
    make_folder,
    sync,
    write_atomically,
)

_NOT_COMPUTED = {"name", "about", "project", "pictures", "art", "epochs"}  # they change no result
SHARED_WEIGHTS, SHARED_CONFIG = "model.safetensors", "config.json"  # as huggingface_hub calls them


class Run:
    """A run folder, named by a path or by text; nothing is written until `start`."""

    def __init__(self, folder: str | Path) -> None:
        """Name the files of the folder."""
        self.folder = expand_home(folder)
        self.recipe_file = self.folder / "recipe.json"  # what is computed
        self.log_file = self.folder / "log.jsonl"  # what was measured, one JSON object a line
        self.samples_folder = self.folder / "samples"  # grids of samples, named by step
        self.checkpoint_file = self.folder / "checkpoint.pt"  # the whole state of training
        self.previous_checkpoint_file = self.folder / "checkpoint.previous.pt"  # in case that is damaged
        self.generator_file = self.folder / "generator.safetensors"  # what one shares
        self.best_file = self.folder / "best.safetensors"  # the generator with the best score
        self.animation_file = self.folder / "training.gif"

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Run('{self.folder}')"

    @property
    def checkpoints(self) -> list[Path]:
        """The states that are there, newest first."""
        return [path for path in (self.checkpoint_file, self.previous_checkpoint_file) if path.exists()]

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
        self._clear_parts()
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
        try:
            return Recipe.from_json(json.loads(self.recipe_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise GanlibError(f"'{self.recipe_file}' is damaged: {error}.") from error

    def _clear_parts(self) -> None:
        """Remove what a process that was killed while it wrote has left behind."""
        for path in (*self.folder.iterdir(), *self.samples_folder.iterdir()):
            if is_part(path):
                path.unlink(missing_ok=True)

    def log(self) -> list[dict[str, Any]]:
        """Read the rows of the log, oldest first; a last line cut short is left out.

        Raises:
            GanlibError: another line is damaged.
        """
        rows = self._rows()
        if None in rows:
            raise self._damaged_log(rows.index(None))
        return [row for row in rows if row is not None]

    def _rows(self) -> list[dict[str, Any] | None]:
        """The rows of the log, None where one cannot be read; a last line cut short is left out."""
        if not self.log_file.exists():
            return []
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        return [_row(line) for line in lines[:-1]]

    def _damaged_log(self, line: int) -> GanlibError:
        return GanlibError(f"The log '{self.log_file}' is damaged in line {line + 1}: mend or remove it.")

    def append_log(self, row: dict[str, Any]) -> None:
        """Add one row to the log.

        Raises:
            GanlibError: the disk is full.
        """
        with disk_errors_explained(self.log_file), self.log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def sample_file(self, step: int) -> Path:
        """Return the place of the grid of samples after `step` steps."""
        return self.samples_folder / f"{step:06d}.png"

    def samples(self) -> list[Path]:
        """List the grids of samples, oldest first."""
        return sorted(self.samples_folder.glob("[0-9]*.png"), key=lambda path: int(path.stem))

    def sync_log(self) -> None:
        """Wait until all rows of the log are on the disk, so that no checkpoint is ahead of it."""
        if self.log_file.exists():
            sync(self.log_file)

    def forget_after(self, step: int) -> None:
        """Drop log rows and samples later than `step`: they will be made again.

        Raises:
            GanlibError: a row before `step` is damaged, or the disk is full.
        """
        rows = self._rows()
        kept = [place for place, row in enumerate(rows) if row and row["step"] <= step]
        rows = rows[: kept[-1] + 1] if kept else []
        if None in rows:
            raise self._damaged_log(rows.index(None))
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        if not self.log_file.exists() or self.log_file.read_bytes() != text:  # else whoever reads on loses it
            write_atomically(self.log_file, lambda part: part.write_bytes(text))
        for sample in self.samples():
            if int(sample.stem) > step:
                sample.unlink()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the run folder against a second training process while entered.

        Raises:
            GanlibError: another one does.
        """
        with locked(self.folder / ".lock", "training", 0):
            yield

    def save_generator(self, generator: nn.Module, kimg: float, path: Path | None = None) -> None:
        """Write the generator, its recipe and its age into `path`: generator.safetensors, unless told.

        Raises:
            GanlibError: the disk is full or the place may not be written.
        """
        save_generator(generator, self.recipe(), kimg, path or self.generator_file)


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def save_generator(
    generator: nn.Module, recipe: Recipe, kimg: float, path: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write a generator that can be loaded with no other file, its floats as `dtype`.

    Raises:
        GanlibError: the disk is full or the place may not be written.
    """
    weights = {name: _as_stored(tensor, dtype) for name, tensor in generator.state_dict().items()}
    metadata = {
        "recipe": json.dumps(recipe.to_json()),
        "kimg": f"{kimg:.3f}",
        "generator": type(generator).__name__,
    }
    write_atomically(path, lambda part: part.write_bytes(save(weights, metadata)))


def _as_stored(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    floats = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return floats.detach().cpu().contiguous()


def load_generator(source: str | Path, generator: nn.Module | None = None) -> tuple[Generator, Recipe]:
    """Load a generator from a run folder, a shared folder, a weights file, or the name of bundled weights.

    One that was trained as a net of your own is loaded into `generator`, a net of the same class. Returns the
    generator in eval mode, on the CPU, in fp32, and its recipe.

    Raises:
        GanlibError: there is no such thing, it is damaged or not a generator of ganlib, or `generator` has
            other weights or makes pictures of another size.
    """
    path = _weights_file(source)
    recipe, weights = _read_weights(path, generator)
    if generator is None:
        net = recipe.generator()
    else:
        check_generator(generator, recipe.latent_dim, recipe.size)
        net = cast(Generator, generator.cpu())
    net.load_state_dict(weights)
    return net.eval(), recipe


def kimg_of(path: Path) -> float:
    """Read how long the generator in a weights file was trained, in thousand pictures.

    Raises:
        GanlibError: it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return float((file.metadata() or {})["kimg"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise GanlibError(f"'{path}' is damaged or cut short: copy or train it again ({error}).") from error


def _weights_file(source: str | Path) -> Path:
    path = expand_home(source)
    weights = bundled_folder() / "weights"
    bundled = weights / f"{source}.safetensors"
    for candidate in (Run(path).generator_file, path / SHARED_WEIGHTS, path, bundled):
        if candidate.is_file():
            return candidate
    if path.is_dir():
        return Run(path).weights_file()
    names = ", ".join(sorted(file.stem for file in weights.glob("*.safetensors")))
    raise GanlibError(
        f"There is no run folder, weights file or bundled model '{source}'; the bundled ones are: {names}."
    )


def _read_weights(path: Path, generator: nn.Module | None) -> tuple[Recipe, dict[str, torch.Tensor]]:
    """Read recipe and weights, after a look at the shapes: nothing is allocated for others."""
    try:
        facts = _facts(path)
        recipe = Recipe.from_json(facts["recipe"])
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if _shapes(recipe, generator) != {
                name: tuple(file.get_slice(name).get_shape()) for name in names
            }:
                raise _other_weights(path, recipe, generator, str(facts.get("generator", "")))
            return recipe, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError, ValueError) as error:
        raise GanlibError(f"'{path}' is damaged or cut short: copy or train it again ({error}).") from error
    except KeyError as error:
        raise GanlibError(f"'{path}' is no generator of ganlib: it names no recipe.") from error


def _facts(path: Path) -> dict[str, Any]:
    """Read a generator's recipe and class, in config.json if it was shared, or in the head of its weights."""
    config = path.with_name(SHARED_CONFIG)
    if path.name == SHARED_WEIGHTS and config.is_file():
        return json.loads(config.read_text(encoding="utf-8"))
    with safe_open(path, framework="pt") as file:
        head = file.metadata() or {}
    return {**head, "recipe": json.loads(head["recipe"])}


def _shapes(recipe: Recipe, generator: nn.Module | None) -> dict[str, tuple[int, ...]]:
    """Find out what a generator is made of, the recipe's without memory for it."""
    with torch.device("meta"):
        net = recipe.generator() if generator is None else generator
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


def _other_weights(path: Path, recipe: Recipe, generator: nn.Module | None, name: str) -> GanlibError:
    if generator is not None:
        return GanlibError(f"'{path}' holds other weights than those of your {type(generator).__name__}.")
    how = f"; it was trained as a {name}: in Python, pass generator={name}() to ganlib.load"
    advice = how if name.isidentifier() else ""
    return GanlibError(
        f"'{path}' does not hold the weights that its recipe '{recipe.name}' asks for{advice}."
    )
