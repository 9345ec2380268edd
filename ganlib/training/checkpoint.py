"""The whole state of a run on disk: written whole, read only if it is what this run could have saved."""

import reprlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar, cast

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from ganlib.data.changes import describe_changes
from ganlib.errors import GanlibError
from ganlib.run import Amount, Count, Finite, Run, Warned
from ganlib.runtime.files import write_atomically
from ganlib.runtime.pickles import claimed, damage, read_pickle
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.rng import Streams
from ganlib.training.state import MAX_ROLLBACKS, TrainingState

_SCHEMA = 4  # raise it when what is saved changes
_MOST_STEPS = 2**40
T = TypeVar("T")
_Moments = dict[int, dict[str, Tensor]]


class _Scaler(TypedDict, total=False):
    """The state of fp16's scaler; empty where there is none."""

    scale: Annotated[float, Meta(gt=0, le=3.5e38)]
    growth_factor: Amount
    backoff_factor: Amount
    growth_interval: Count
    _growth_tracker: Count


class _Counters(TypedDict):
    """How far the run is."""

    step: Count
    images: Count
    shown: Count
    seconds: Amount


class Data(TypedDict):
    """What was trained on, and the place in it."""

    pictures: Count
    fingerprint: str
    checksums: NotRequired[Tensor]  # older ones have none
    epoch: Annotated[int, Meta(ge=0, lt=2**20)]
    position: Count


class _Saved(TypedDict):
    """What a checkpoint holds."""

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    ema: dict[str, Tensor]
    g_optimizer: _Moments
    d_optimizer: _Moments
    scaler: _Scaler
    counters: _Counters
    totals: Tensor
    counted: list[Count]
    data: Data
    random: Streams
    rollbacks: Annotated[int, Meta(ge=0, le=MAX_ROLLBACKS)]
    best: tuple[Finite, Finite, str] | None
    told: list[str]
    pending: list[Warned]
    last_look: Count | None


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


def load_checkpoint(state: TrainingState, run: Run, data_changed: bool = False) -> list[Diagnostic]:
    """Bring `state` to the newest whole checkpoint of the run; returns what there is to say of it.

    That is that it is not the last, or, where this is allowed by `data_changed`, that it was trained on other
    pictures: then a new epoch begins. Nothing in `state` has changed if this raises.

    Raises:
        GanlibError: all are damaged, or it was written for another data set or other nets, by another
            version of ganlib, or holds something that could run code.
    """
    damages = {path.name: damage(path) for path in (run.checkpoint_file, run.previous_checkpoint_file)}
    for path in run.checkpoints:
        if damages[path.name] is None:
            news = _load(state, path, data_changed)
            if path != run.checkpoint_file:
                news.append(_older_one(state, run, str(damages[run.checkpoint_file.name])))
            return news
    raise GanlibError(
        f"No checkpoint of '{run.folder}' can be read ("
        + "; ".join(f"{name} {what}" for name, what in damages.items())
        + "): the run cannot go on. Its generators are safe; start anew in another folder."
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, on the CPU; its tensors have yet to be compared with those of a run.

    Raises:
        GanlibError: it is missing, damaged, of another version of ganlib, or holds more than plain tensors
            and values, or tensors that claim more memory than the file has bytes.
    """
    values = read_pickle(path)
    schema = values.get("schema")
    if not isinstance(schema, int) or schema != _SCHEMA:
        raise GanlibError(
            f"'{path}' was written by another version of ganlib (schema {reprlib.repr(schema):.40}, not "
            f"{_SCHEMA}): go on with that version, or start anew in another folder. The generators of the "
            "run still open."
        )
    try:
        saved = cast(dict[str, Any], _shaped(values, _Saved))
        _check_storage(saved, path.stat().st_size)
    except ValueError as error:
        raise GanlibError(f"'{path}' is no checkpoint of ganlib, or a damaged one: {error}.") from error
    return saved


def trained_on(run: Run) -> Data | None:
    """Read what the newest sound checkpoint says of the pictures: how many, and their fingerprint."""
    for path in run.checkpoints:
        with suppress(GanlibError, ValueError):
            return _shaped(read_pickle(path).get("data"), Data)
    return None


def _shaped(values: Any, shape: type[T]) -> T:
    try:
        return msgspec.convert(values, shape)
    except (IndexError, TypeError, RuntimeError) as error:  # a tensor asked for its fields
        raise ValueError(str(error)) from error


def _load(state: TrainingState, path: Path, data_changed: bool) -> list[Diagnostic]:
    saved = read_checkpoint(path)
    data, news = saved["data"], []
    if data["fingerprint"] != state.batches.fingerprint:
        changes = _changes(data, state)
        if not data_changed:
            raise GanlibError(
                f"The run '{path.parent}' was trained on other pictures than those of this set ({changes}): "
                "name the same ones, or go on with these by --data-changed, in Python data_changed=True."
            )
        news.append(_other_pictures(changes))
        data |= {"epoch": data["epoch"] + 1, "position": 0}
    try:
        _check(saved, state)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise GanlibError(
            f"'{path}' does not fit its recipe: {reason}. Put the right one back; a run of nets of your own "
            "goes on with the same nets."
        ) from error
    state.load_state_dict(saved)
    state.count_classes()
    return news


def _other_pictures(changes: str) -> Diagnostic:
    return Diagnostic(
        "other pictures",
        f"From here on the run learns from other pictures: {changes}.",
        "Nothing has to be done; what is new in them takes a while to show.",
    )


def _changes(data: dict[str, Any], state: TrainingState) -> str:
    known, now = data.get("checksums"), state.batches.checksums
    if known is None or known.shape[1:] != now.shape[1:]:
        return f"{data['pictures']:,} to train on then, {len(state.batches):,} now"
    return describe_changes(known, now)


def _older_one(state: TrainingState, run: Run, damage: str) -> Diagnostic:
    return Diagnostic(
        "damaged checkpoint",
        f"{run.checkpoint_file.name} {damage}: the one before it was taken, of {state.kimg:.1f} kimg.",
        "Nothing has to be done, what came after it is trained again; if it happens twice, look at the disk.",
    )


def _check_storage(saved: dict[str, Any], size: int) -> None:
    """Raise `ValueError` if tensors claim more than a file of `size` bytes holds."""
    nets = [*saved["generator"].values(), *saved["discriminator"].values(), *saved["ema"].values()]
    moments = [*saved["g_optimizer"].values(), *saved["d_optimizer"].values()]
    tensors = [*nets, *(tensor for one in moments for tensor in one.values()), saved["totals"]]
    tensors += [saved["data"]["checksums"]] if "checksums" in saved["data"] else []
    tensors += [stream for stream in saved["random"].values() if isinstance(stream, Tensor)]
    if claimed(tensors) > size:
        raise ValueError("its tensors claim more memory than the file has bytes")


def _check(saved: dict[str, Any], state: TrainingState) -> None:
    """Raise `ValueError` or the like unless a run such as that of `state` could have saved this."""
    nets = state.nets()
    for name, net in nets.items():
        _check_tensors(saved[name], net.state_dict(), f"the {name}'s")
    for name, net in (("g_optimizer", nets["generator"]), ("d_optimizer", nets["discriminator"])):
        _check_moments(saved[name], net, state.recipe.betas[0] > 0, name)
    _check_tensors({"totals": saved["totals"]}, {"totals": state.totals}, "the")
    if saved["scaler"] and set(saved["scaler"]) != set(_Scaler.__annotations__):
        raise ValueError("its scaler lacks something")
    if len(saved["counted"]) != len(state.counted):
        raise ValueError("its counts are more or fewer")
    if saved["data"]["position"] > state.batches.epoch_length:
        raise ValueError("its place lies beyond the pictures")
    state.rng.check(saved["random"])


def _check_tensors(found: dict[str, Tensor], wanted: dict[str, Tensor], where: str) -> None:
    """Raise `ValueError` unless these are the names, shapes and types that are wanted, and all are finite."""
    if strange := sorted(set(found) ^ set(wanted)):
        raise ValueError(f"{where} {strange[0]!r:.80} is too much or missing")
    for name, tensor in found.items():
        own = wanted[name]
        if tensor.shape != own.shape or tensor.dtype != own.dtype:
            raise ValueError(
                f"{where} {name} is {tensor.dtype} of shape {tuple(tensor.shape)} and should be {own.dtype} "
                f"of shape {tuple(own.shape)}"
            )
        if not tensor.isfinite().all():
            raise ValueError(f"{where} {name} holds a NaN or an infinity")


def _check_moments(found: dict[int, dict[str, Tensor]], net: nn.Module, first: bool, where: str) -> None:
    """Raise `ValueError` if this is not the state of an Adam that has the net's parameters."""
    parameters = dict(enumerate(net.parameters()))
    if not set(found) <= set(parameters):
        raise ValueError(f"{where} is of other parameters")
    for n, moments in found.items():
        wanted = {"step": torch.zeros(()), "exp_avg_sq": parameters[n].data}
        if first or "exp_avg" in moments:  # left out where beta1 is 0, but older files may hold it
            wanted["exp_avg"] = parameters[n].data
        _check_tensors(moments, wanted, f"{where}'s parameter {n}:")
        if moments["exp_avg_sq"].lt(0).any() or not 0 <= moments["step"] <= _MOST_STEPS:
            raise ValueError(f"{where}'s parameter {n} has a negative square, or steps that none takes")
