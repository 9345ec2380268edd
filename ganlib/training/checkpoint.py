"""The whole state of a run on disk: written whole, read only if it is what this run could have saved."""

import math
import pickle
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.runtime.files import write_atomically
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.state import MAX_ROLLBACKS, Best, TrainingState

_SCHEMA = 4  # raise it when what is saved changes
_MOST_EPOCHS = 2**20 - 1
_MOMENTS = ("exp_avg", "exp_avg_sq")
_SCALER = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}


def save_checkpoint(state: TrainingState, run: Run) -> None:
    """Write the state into the run folder, whole or not at all; the one before it is kept.

    Raises:
        GanlibError: the disk is full or the place may not be written; both states are as they were.
    """
    buffer = BytesIO()  # in memory, as torch hides an error of the disk behind one of its own
    torch.save({"schema": _SCHEMA, **state.state_dict()}, buffer)
    run.sync_log()
    keep = run.previous_checkpoint_file if damage(run.checkpoint_file) is None else None
    write_atomically(run.checkpoint_file, lambda part: part.write_bytes(buffer.getbuffer()), keep)


def load_checkpoint(state: TrainingState, run: Run) -> Diagnostic | None:
    """Bring `state` to the newest whole checkpoint of the run; returns a diagnostic if it is not the last.

    Nothing in `state` has changed if this raises.

    Raises:
        GanlibError: all are damaged, or it was written for another data set or other nets, by another
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


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as a dictionary of tensors and plain values, on the CPU.

    Raises:
        GanlibError: it is missing, damaged, of another version of ganlib, or holds something that could run
            code.
    """
    if found := damage(path):
        raise GanlibError(f"'{path}' {found}.")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise GanlibError(
            f"'{path}' was refused: it holds more than numbers, which could run code when it is opened. "
            "No checkpoint of ganlib does: take your own copy of it."
        ) from error
    except Exception as error:  # torch's reader may raise nearly anything at a file made to confuse it
        reason = str(error).partition("\n")[0]
        raise GanlibError(f"'{path}' is no checkpoint, or a damaged one: {reason}.") from error
    if not isinstance(values, dict):
        raise GanlibError(f"'{path}' is no checkpoint of ganlib: it holds a {type(values).__name__}.")
    schema = values.pop("schema", None)
    if not isinstance(schema, int) or schema != _SCHEMA:
        raise GanlibError(
            f"'{path}' was written by another version of ganlib (schema {schema!r:.40}, not {_SCHEMA}): go "
            "on with that version, or start anew in another folder. The generators of the run still open."
        )
    return values


def damage(path: Path) -> str | None:
    """Say what is wrong with the file, by its length and the checksums that it holds; None if it is whole."""
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
    values = read_checkpoint(path)
    try:
        _check(values, state)
    except (ValueError, TypeError, RuntimeError, KeyError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise GanlibError(
            f"'{path}' does not fit its recipe: {reason}. Put the right one back; a run of nets of your own "
            "goes on with the same nets."
        ) from error
    data = values["data"]
    if data["fingerprint"] != state.batches.fingerprint:
        raise GanlibError(
            f"The run '{path.parent}' was trained on {data['pictures']} other pictures than the "
            f"{len(state.batches)} of this set: name the same pictures, or another run folder."
        )
    state.load_state_dict(values)


def _older_one(state: TrainingState, run: Run, damage: str) -> Diagnostic:
    return Diagnostic(
        "damaged checkpoint",
        f"{run.checkpoint_file.name} {damage}: the one before it was taken, of {state.kimg:.1f} kimg.",
        "Nothing has to be done, what came after it is trained again; if it happens twice, look at the disk.",
    )


def _check(values: dict[str, Any], state: TrainingState) -> None:
    """Raise `ValueError` or `TypeError` unless a run such as that of `state` could have saved `values`."""
    own = state.state_dict()
    moments = {"g_optimizer": state.nets()["generator"], "d_optimizer": state.nets()["discriminator"]}
    lenient = {"random", "best", "told", "pending", "last_look", "scaler", *moments}
    _alike(values, own | {name: values.get(name) for name in lenient}, "the checkpoint")
    for name, net in moments.items():
        _check_moments(values[name], net, state.recipe.betas[0] > 0, name)
    if values["scaler"]:
        _keys(values["scaler"], _SCALER, "scaler")
        _numbers(values["scaler"].values(), "scaler")
    _numbers([*values["counters"].values(), *values["counted"], values["last_look"] or 0], "a counter")
    _numbers([values["rollbacks"]], "rollbacks", MAX_ROLLBACKS)
    _numbers([values["data"]["epoch"]], "the epoch", _MOST_EPOCHS)
    _numbers([values["data"]["position"]], "the position", values["data"]["pictures"])
    if values["best"] is not None:
        _alike(values["best"], list(Best(0.0, 0.0)), "the best")
        if not all(map(math.isfinite, values["best"][:2])):
            raise ValueError("the best is no number")
    for diagnostic in values["pending"]:
        _alike(diagnostic, Diagnostic("", "", "").to_json(), "a diagnostic")
    _alike(values["told"], ["" for _ in values["told"]], "told")
    state.rng.check(values["random"])


def _alike(found: Any, wanted: Any, where: str) -> None:
    """Raise `ValueError` unless `found` has the keys, shapes and types of `wanted`, all the way down."""
    if found is wanted:
        return
    if isinstance(wanted, Tensor):
        _check_tensor(found, wanted, where)
    elif isinstance(wanted, dict):
        _keys(found, set(wanted), where)
        for name, value in wanted.items():
            _alike(found[name], value, f"{where}'s {name}")
    elif type(found) is not type(wanted):
        raise ValueError(f"{where} is {found!r:.40}")
    elif isinstance(wanted, list):
        for one, other in zip(found, wanted, strict=True):
            _alike(one, other, where)


def _keys(found: Any, wanted: set[Any], where: str) -> None:
    if not isinstance(found, dict) or (strange := wanted ^ set(found)):
        what = f": {', '.join(sorted(map(repr, strange))[:3])}" if isinstance(found, dict) else ""
        raise ValueError(f"{where} lacks something or has too much{what}")


def _check_tensor(found: Any, wanted: Tensor, where: str) -> None:
    if not isinstance(found, Tensor) or found.layout != torch.strided:
        raise ValueError(f"{where} is no plain tensor")
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise ValueError(
            f"{where} is {found.dtype} of shape {tuple(found.shape)} and should be {wanted.dtype} of shape "
            f"{tuple(wanted.shape)}"
        )


def _check_moments(found: Any, net: nn.Module, first: bool, where: str) -> None:
    """Raise `ValueError` if this is not the state of an Adam that has the net's parameters."""
    parameters = list(net.parameters())
    if not isinstance(found, dict) or not set(found) <= set(range(len(parameters))):
        raise ValueError(f"{where} is of other parameters")
    for n, moment in found.items():
        wanted = {"step": torch.zeros(()), **dict.fromkeys(_MOMENTS[0 if first else 1 :], parameters[n].data)}
        if not first and isinstance(moment, dict):
            moment = {name: value for name, value in moment.items() if name != _MOMENTS[0]}
        _alike(moment, wanted, f"{where}'s state of parameter {n}")


def _numbers(found: Any, where: str, most: float = math.inf) -> None:
    """Raise `ValueError` unless all are finite numbers from 0 to `most`."""
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{where} is {value!r:.40}")
        if not (math.isfinite(value) and 0 <= value <= most):
            raise ValueError(f"{where} is {value!r:.40}")
