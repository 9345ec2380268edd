"""The run folder as an object: training writes it, everything else reads it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict, cast

import torch
from msgspec import Meta
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Generator, check_generator
from ganlib.recipes import Recipe
from ganlib.recipes.recipe import RecipeValues
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
from ganlib.runtime.reading import check_place, decode_json, read_bytes, read_json

_NOT_COMPUTED = {"name", "about", "project", "pictures", "art", "epochs"}  # they change no result
SHARED_WEIGHTS, SHARED_CONFIG = "model.safetensors", "config.json"  # as huggingface_hub calls them

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
    warnings: list[Warned]


class _Shared(TypedDict, total=False):
    """What config.json of a shared folder says."""

    recipe: Required[RecipeValues]
    generator: str


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
        """Name the folder."""
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
        return Recipe.from_json(read_json(self.recipe_file, RecipeValues))

    def _clear_parts(self) -> None:
        """Remove what a process that was killed while it wrote has left behind."""
        for path in (*self.folder.iterdir(), *self.samples_folder.iterdir()):
            if is_part(path) and path.is_file():
                path.unlink(missing_ok=True)

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

    def sync_log(self) -> None:
        """Wait until all rows of the log are on the disk, so that no checkpoint is ahead of it."""
        if self.log_file.exists():
            sync(self.log_file)

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


_NO_NUMBER = re.compile(rb"(?<=: )(?:NaN|-?Infinity)(?=[,}])")  # older logs hold some


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        return cast(dict[str, Any], decode_json(_NO_NUMBER.sub(b"null", line), Row))
    except ValueError:
        return None


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
    content = _with_metadata(save(weights), metadata)
    write_atomically(path, lambda part: part.write_bytes(content))


def _with_metadata(content: bytes, metadata: dict[str, str]) -> bytes:
    """Put metadata into a safetensors file; safetensors itself would do so in another order each time."""
    begin = 8 + int.from_bytes(content[:8], "little")
    head = json.dumps({"__metadata__": metadata, **json.loads(content[8:begin])}, separators=(",", ":"))
    padded = head.encode() + b" " * (-len(head) % 8)
    return len(padded).to_bytes(8, "little") + padded + content[begin:]


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
        check_generator(generator, recipe.latent_dim, recipe.shape)
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
            return decode_json((file.metadata() or {})["kimg"].encode(), Amount)
    except (SafetensorError, KeyError, ValueError) as error:
        raise GanlibError(f"'{path}' is damaged or cut short: copy or train it again ({error}).") from error


def _weights_file(source: str | Path) -> Path:
    run = Run(source)
    for candidate in (run.generator_file, run.folder / SHARED_WEIGHTS, run.folder):
        if candidate.is_file():
            return candidate
    bundled = {file.stem: file for file in (bundled_folder() / "weights").glob("*.safetensors")}
    if str(source) in bundled:
        return bundled[str(source)]
    if run.folder.is_dir():
        return run.weights_file()
    raise GanlibError(
        f"There is no run folder, weights file or bundled model '{source}'; the bundled ones are: "
        f"{', '.join(sorted(bundled))}."
    )


def _read_weights(path: Path, generator: nn.Module | None) -> tuple[Recipe, dict[str, torch.Tensor]]:
    """Read recipe and weights, after a look at shapes and types: nothing is allocated for others."""
    try:
        facts = _facts(path)
        recipe = Recipe.from_json(facts["recipe"])
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in list(file.keys())}
            wanted = _wanted(recipe, generator)
            if {n: t.shape for n, t in wanted.items()} != {n: (*s.get_shape(),) for n, s in slices.items()}:
                raise _other_weights(path, recipe, generator, facts.get("generator", ""))
            for name, tensor in wanted.items():
                _check_type(path, slices[name].get_dtype(), tensor)
            weights = {name: file.get_tensor(name) for name in slices}
    except (SafetensorError, ValueError) as error:
        raise GanlibError(f"'{path}' is damaged or cut short: copy or train it again ({error}).") from error
    except KeyError as error:
        raise GanlibError(f"'{path}' is no generator of ganlib: it names no recipe.") from error
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise GanlibError(f"'{path}' holds weights that are no numbers (NaN or infinite): train it again.")
    return recipe, weights


def _facts(path: Path) -> _Shared:
    """Read a generator's recipe and class, in config.json if it was shared, or in the head of its weights."""
    config = path.with_name(SHARED_CONFIG)
    if path.name == SHARED_WEIGHTS and config.is_file():
        return read_json(config, _Shared)
    with safe_open(path, framework="pt") as file:
        head = file.metadata() or {}
    recipe = decode_json(head["recipe"].encode(), RecipeValues)
    return {"recipe": recipe, "generator": head.get("generator", "")}


def _wanted(recipe: Recipe, generator: nn.Module | None) -> dict[str, torch.Tensor]:
    """Find out what a generator is made of, the recipe's without memory for it."""
    with torch.device("meta"):
        return (recipe.generator() if generator is None else generator).state_dict()


def _check_type(path: Path, found: str, wanted: torch.Tensor) -> None:
    """Raise `GanlibError` unless weights of the type `found`, in safetensors' words, open as `wanted`."""
    kind = "BOOL" if wanted.dtype == torch.bool else f"{str(wanted.dtype)[6].upper()}{8 * wanted.itemsize}"
    if found not in ({"F32", "F16", "BF16"} if wanted.is_floating_point() else {kind}):
        raise GanlibError(f"'{path}' holds weights in {found}: only fp32, fp16 and bf16 open.")


def _other_weights(path: Path, recipe: Recipe, generator: nn.Module | None, name: str) -> GanlibError:
    if generator is not None:
        return GanlibError(f"'{path}' holds other weights than those of your {type(generator).__name__}.")
    how = f"; it was trained as a {name}: in Python, pass generator={name}() to ganlib.load"
    advice = how if name.isidentifier() else ""
    return GanlibError(
        f"'{path}' does not hold the weights that its recipe '{recipe.name}' asks for{advice}."
    )
