"""The whole state of a run on disk."""

import math
import pickle
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.runtime.files import write_atomically
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.packing import pack, unpack
from ganlib.training.state import MAX_ROLLBACKS, Best, TrainingState

_PARTS = {
    "generator",
    "discriminator",
    "average",
    "g_optimizer",
    "d_optimizer",
    "scaler",
    "counters",
    "totals",
    "counted",
    "data",
    "random",
    "rollbacks",
    "best",
    "told",
    "pending",
    "last_look",
}
_MOST_EPOCHS = 2**20 - 1
_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
_SCALER = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}


def check_state(values: Any, state: TrainingState) -> None:
    """Raise `ValueError` or `TypeError` unless a run such as that of `state` could have saved `values`."""
    _keys(values, _PARTS, "the checkpoint")
    nets = state.nets()
    for name, net in nets.items():
        _tensors(values[name], net.state_dict(), name)
    optional = {"exp_avg"} if state.recipe.betas[0] == 0 else set()
    for key, player in (("g_optimizer", "generator"), ("d_optimizer", "discriminator")):
        _moments(values[key], list(nets[player].parameters()), optional, f"the {player}'s optimiser")
    _scaler(values["scaler"])
    _tensor(values["totals"], torch.Size([4]), torch.float32, "totals")
    _counts(values["counted"], 4, "counted")
    _counters(values["counters"])
    _data(values["data"])
    state.rng.check(values["random"])
    _history(values)


def _counters(counters: Any) -> None:
    _keys(counters, {"step", "images", "shown", "seconds"}, "counters")
    _number(counters["seconds"], "the seconds")
    for name in ("step", "images", "shown"):
        _count(counters[name], name)


def _data(data: Any) -> None:
    _keys(data, {"pictures", "fingerprint", "epoch", "position"}, "data")
    _count(data["pictures"], "the number of pictures")
    _texts([data["fingerprint"]], "the fingerprint")
    _count(data["epoch"], "the epoch", _MOST_EPOCHS)
    _count(data["position"], "the position", data["pictures"])


def _history(values: dict[str, Any]) -> None:
    _count(values["rollbacks"], "the number of rollbacks", MAX_ROLLBACKS)
    best = values["best"]
    if best is not None:
        _need(isinstance(best, list) and len(best) in {2, len(Best._fields)}, "the best is no pair")
        for value in best[:2]:
            _number(value, "the best")
        _texts(best[2:], "the best")
    _texts(values["told"], "told")
    _need(isinstance(values["pending"], list), "pending is no list")
    for finding in values["pending"]:
        _keys(finding, {"name", "seen", "advice"}, "a warning")
        _texts(list(finding.values()), "a warning")
    if values["last_look"] is not None:
        _count(values["last_look"], "last_look")


def _need(condition: bool, what: str) -> None:
    """Raise `ValueError` that says `what`, unless `condition` holds."""
    if not condition:
        raise ValueError(what)


def _keys(found: Any, wanted: set[str], where: str) -> None:
    """Raise `ValueError` if `found` is no dictionary with exactly the keys `wanted`."""
    _need(isinstance(found, dict), f"{where} is no dictionary")
    strange = wanted ^ set(found)
    _need(not strange, f"{where} lacks or has too much: {', '.join(sorted(map(repr, strange))[:3])}")


def _tensors(found: Any, wanted: dict[str, Tensor], where: str) -> None:
    """Raise `ValueError` if the names, shapes or types of the tensors are not those `wanted`."""
    _keys(found, set(wanted), where)
    for name, tensor in wanted.items():
        _tensor(found[name], tensor.shape, tensor.dtype, f"{where}'s {name}")


def _tensor(found: Any, shape: torch.Size, dtype: torch.dtype, where: str) -> None:
    """Raise `ValueError` if `found` is no plain tensor of this shape and type."""
    _need(isinstance(found, Tensor) and found.layout == torch.strided, f"{where} is no plain tensor")
    _need(found.shape == shape, f"{where} has the shape {tuple(found.shape)} and should have {tuple(shape)}")
    _need(found.dtype == dtype, f"{where} is of type {found.dtype} and should be of {dtype}")


def _moments(moments: Any, parameters: list[Tensor], optional: set[str], where: str) -> None:
    """Raise `ValueError` if this is not the state of an Adam that has these parameters, stepped or not."""
    _need(isinstance(moments, dict), f"{where} is no dictionary")
    if not moments:
        return
    _need(set(moments) == set(range(len(parameters))), f"{where} is of another number of parameters")
    for index, parameter in enumerate(parameters):
        what = f"{where}'s state of parameter {index}"
        moment = moments[index]
        _need(isinstance(moment, dict), f"{what} is no dictionary")
        _keys(dict.fromkeys(optional) | moment, _MOMENTS, what)
        _tensor(moment["step"], torch.Size(), torch.float32, what)
        for name in {"exp_avg", "exp_avg_sq"} & set(moment):
            _tensor(moment[name], parameter.shape, parameter.dtype, what)


def _scaler(found: Any) -> None:
    """Raise `ValueError` if this is neither empty nor the state of a gradient scaler."""
    _need(isinstance(found, dict), "the scaler is no dictionary")
    if found:
        _keys(found, _SCALER, "the scaler")
        for name, value in found.items():
            _number(value, f"the scaler's {name}")


def _number(found: Any, where: str, least: float = 0.0, most: float = math.inf) -> None:
    """Raise `ValueError` if `found` is no finite number from `least` to `most`."""
    plain = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    _need(plain and least <= found <= most, f"{where} is {found!r:.40}")


def _count(found: Any, where: str, most: float = math.inf) -> None:
    """Raise `ValueError` if `found` is no whole number from 0 to `most`."""
    _need(isinstance(found, int), f"{where} is {found!r:.40}")
    _number(found, where, 0, most)


def _counts(found: Any, length: int, where: str) -> None:
    """Raise `ValueError` if `found` is no list of so many whole numbers of 0 or more."""
    _need(isinstance(found, list) and len(found) == length, f"{where} is no list of {length}")
    for value in found:
        _count(value, where)


def _texts(found: Any, where: str) -> None:
    """Raise `ValueError` if `found` is no list of texts."""
    _need(isinstance(found, list) and all(isinstance(text, str) for text in found), f"{where} holds no texts")


_SCHEMA = 3  # raise it when what is saved changes, and bring older states up in `_upgraded`
_LARGE = ("generator", "discriminator", "average", "g_optimizer", "d_optimizer")


def save_checkpoint(state: TrainingState, run: Run) -> None:
    """Write the state into the run folder, whole or not at all; the one before it is kept.

    Raises:
        GanlibError: the disk is full or the place may not be written; both states are as they were.
    """
    values = state.state_dict()
    tensors = {name: values.pop(name) for name in _LARGE}
    content = _written({"schema": _SCHEMA, "packed": pack(_written(tensors)), **values})
    run.sync_log()
    keep = run.previous_checkpoint_file if damage(run.checkpoint_file) is None else None
    write_atomically(run.checkpoint_file, lambda part: part.write_bytes(content), keep)


def _written(values: dict[str, Any]) -> bytes:
    """In memory, as torch hides an error of the disk behind one of its own."""
    buffer = BytesIO()
    torch.save(values, buffer)
    return buffer.getvalue()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds: a dictionary of tensors and plain values, on the CPU.

    Raises:
        GanlibError: it is missing, damaged, of a newer version of ganlib, or holds something that could run
            code.
    """
    if found := damage(path):
        raise GanlibError(f"'{path}' {found}.")
    return _upgraded(_opened(path, path), path)


def load_checkpoint(state: TrainingState, run: Run) -> Diagnostic | None:
    """Bring `state` to the newest checkpoint of the run that is whole; says so if that is not the last one.

    Nothing in `state` has changed if this raises.

    Raises:
        GanlibError: all are damaged, or it was written for another data set or other nets, by a newer
            version of ganlib, or holds something that could run code.
    """
    damages = {path.name: damage(path) for path in (run.checkpoint_file, run.previous_checkpoint_file)}
    for path in run.checkpoints:
        if damages[path.name] is None:
            _load(state, path)
            first = damages[run.checkpoint_file.name]
            return None if path == run.checkpoint_file else _older_one(state, run, str(first))
    raise GanlibError(
        f"No checkpoint of '{run.folder}' can be read ("
        + "; ".join(f"{name} {what}" for name, what in damages.items())
        + "): the run cannot go on. Its generators are safe; start anew in another folder."
    )


def damage(path: Path) -> str | None:
    """What is wrong with the file, by its length and the checksums that it holds; None if it is whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return "is damaged: it is compressed, which no checkpoint is"
            broken = archive.testzip()
    except FileNotFoundError:
        return "is missing"
    except zipfile.BadZipFile:
        return "is cut short or damaged"
    except (OSError, RuntimeError, ValueError, EOFError, OverflowError) as error:
        return f"cannot be read ({error})"
    return f"is damaged: the checksum of {broken} is wrong" if broken else None


def _load(state: TrainingState, path: Path) -> None:
    values = _upgraded(_opened(path, path), path)
    try:
        check_state(values, state)
    except (ValueError, TypeError, RuntimeError, KeyError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise GanlibError(f"'{path}' does not fit its recipe: {reason}. Put the right one back.") from error
    data = values["data"]
    if data["fingerprint"] != state.batches.fingerprint:
        raise GanlibError(
            f"The run '{path.parent}' was trained on {data['pictures']} other pictures than the "
            f"{len(state.batches)} of this set: name the same pictures, or another run folder."
        )
    state.load_state_dict(values)


def _opened(file: Path | BytesIO, path: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise GanlibError(
            f"'{path}' was refused: it holds more than numbers, which could run code when it is opened. "
            "A checkpoint of ganlib holds none such: take your own copy of it."
        ) from error
    except Exception as error:  # torch's reader may raise nearly anything at a file made to confuse it
        reason = str(error).partition("\n")[0]
        raise GanlibError(f"'{path}' is no checkpoint, or a damaged one: {reason}.") from error


def _upgraded(values: Any, path: Path) -> dict[str, Any]:
    """The values as this version of ganlib would have written them."""
    if not isinstance(values, dict):
        raise GanlibError(f"'{path}' is no checkpoint of ganlib: it holds a {type(values).__name__}.")
    schema = values.get("schema", 1)
    if not isinstance(schema, int) or not 1 <= schema <= _SCHEMA:
        raise GanlibError(
            f"'{path}' was written by another version of ganlib (schema {schema!r:.40}, this one reads up to "
            f"{_SCHEMA}): install a newer ganlib to go on."
        )
    values = {name: value for name, value in values.items() if name != "schema"}
    if schema == 1:
        return _from_schema_1(values)
    packed = values.pop("packed", None)
    return values if packed is None else {**_unpacked(packed, path), **values}


def _unpacked(parts: Any, path: Path) -> dict[str, Any]:
    try:
        content = unpack(parts)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        raise GanlibError(f"'{path}' is damaged: {error}.") from error
    values = _opened(BytesIO(content), path)
    if not isinstance(values, dict):
        raise GanlibError(f"'{path}' is no checkpoint of ganlib: it packs a {type(values).__name__}.")
    return values


def _from_schema_1(values: dict[str, Any]) -> dict[str, Any]:
    moments = {name: values.get(name) for name in ("g_optimizer", "d_optimizer")}
    states = {
        name: value.get("state") if isinstance(value, dict) else None for name, value in moments.items()
    }
    return {
        **values,
        **states,
        "rollbacks": 0,
        "best": None,
        "told": [],
        "pending": [],
        "last_look": None,
    }


def _older_one(state: TrainingState, run: Run, damage: str) -> Diagnostic:
    return Diagnostic(
        "damaged checkpoint",
        f"{run.checkpoint_file.name} {damage}: the one before it was taken, of {state.kimg:.1f} kimg.",
        "Nothing has to be done, what came after it is trained again; if it happens twice, look at the disk.",
    )
