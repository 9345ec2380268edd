"""The whole state of a run on disk: written whole, read only if it is what this run could have saved."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from ganlib.errors import GanlibError, first_line
from ganlib.run import Amount, Count, Finite, Run, Warned
from ganlib.runtime.files import sync, write_atomically
from ganlib.runtime.pickles import claimed, damage, read_pickle
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.rng import Streams
from ganlib.training.state import MAX_ROLLBACKS, TrainingState

_SCHEMA = 5  # raise it when what is saved changes
_MISFITS = (ValueError, TypeError, LookupError, RuntimeError, OverflowError)  # of a file made to confuse
_Moments = dict[int, dict[str, Tensor]]


class _Counters(TypedDict):
    step: Count
    images: Count
    shown: Count
    seconds: Amount


class Data(TypedDict):
    """What was trained on, and the place in it."""

    pictures: Count
    fingerprint: str
    checksums: Tensor
    epoch: Count
    position: Count


class _Saved(TypedDict):
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    ema: dict[str, Tensor]
    g_optimizer: _Moments
    d_optimizer: _Moments
    scaler: dict[str, Count | Amount]  # of fp16; empty where there is none
    counters: _Counters
    totals: Tensor
    counted: tuple[Count, Count, Count, Count]
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
    if run.log_file.exists():
        sync(run.log_file)  # so that no checkpoint is ahead of it
    keep = run.previous_checkpoint_file if damage(run.checkpoint_file) is None else None
    write_atomically(run.checkpoint_file, lambda part: part.write_bytes(buffer.getbuffer()), keep)


def load_checkpoint(state: TrainingState, run: Run, data_changed: bool = False) -> list[Diagnostic]:
    """Bring `state` to the newest whole checkpoint of the run; returns what there is to say of it.

    That is that it is not the last, or, where this is allowed by `data_changed`, that it was trained on other
    pictures: then a new epoch begins. Nothing in `state` has changed if it is of other nets or pictures.

    Raises:
        GanlibError: all are damaged, or it was written for another data set or other nets, by another
            version of ganlib, or holds something that could run code.
    """
    damages = {path.name: damage(path) for path in (run.checkpoint_file, run.previous_checkpoint_file)}
    for path in run.checkpoints:
        if damages[path.name] is None:
            news = _load(state, path, data_changed)
            if path != run.checkpoint_file:
                name, kimg = run.checkpoint_file.name, state.kimg
                seen = f"{name} {damages[name]}: the one before it was taken, of {kimg:.1f} kimg."
                todo = "What came after it is trained again; if it happens twice, look at the disk."
                news.append(Diagnostic("damaged checkpoint", seen, todo))
            return news
    raise GanlibError(
        f"No checkpoint of '{run.folder}' can be read ("
        + "; ".join(f"{name} {what}" for name, what in damages.items())
        + "): the run cannot continue. Its generators are safe; start again in another folder."
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
            f"{_SCHEMA}): continue with that version, or start again in another folder. Generators of the "
            "run still open."
        )
    try:
        saved = cast(dict[str, Any], msgspec.convert(values, _Saved))
        if claimed(_tensors(saved).values()) > path.stat().st_size:
            raise ValueError("its tensors claim more memory than the file has bytes")
    except _MISFITS as error:
        raise GanlibError(f"'{path}' is not a checkpoint of ganlib, or it is damaged: {error}.") from error
    return saved


def trained_on(run: Run) -> Data | None:
    """Read what the newest sound checkpoint says of the pictures: how many, and their fingerprint."""
    for path in run.checkpoints:
        with suppress(GanlibError, *_MISFITS):
            return msgspec.convert(read_pickle(path).get("data"), Data)
    return None


def _load(state: TrainingState, path: Path, data_changed: bool) -> list[Diagnostic]:
    saved = read_checkpoint(path)
    try:
        _check_tensors(saved, state)
        state.rng.check(saved["random"])
        news = _check_pictures(saved["data"], state, path, data_changed)
        state.load_state_dict(saved)
    except _MISFITS as error:
        raise GanlibError(
            f"'{path}' does not fit its recipe: {first_line(error)}. Put the right one back; a run "
            "with nets of your own needs the same nets."
        ) from error
    state.count_classes()
    return news


def _check_pictures(data: Data, state: TrainingState, path: Path, data_changed: bool) -> list[Diagnostic]:
    """Raise `GanlibError` at other pictures, or, where they are allowed, begin a new epoch and say so."""
    if data["fingerprint"] == state.batches.fingerprint:
        return []
    changes = describe_changes(data["checksums"], state.batches.checksums)
    if not data_changed:
        raise GanlibError(
            f"The run '{path.parent}' was trained on other pictures than those of this set ({changes}): "
            "name the same ones, or continue with these: --data-changed, in Python data_changed=True."
        )
    data["epoch"], data["position"] = data["epoch"] + 1, 0
    seen = f"The training pictures are no longer the same: {changes}."
    todo = "Nothing has to be done: the run goes on with them, and what is new takes a while to show."
    return [Diagnostic("pictures changed", seen, todo)]


def describe_changes(before: Tensor, now: Tensor) -> str:
    """Count the pictures that were added, removed, changed and renamed, as the end of a sentence.

    Both are (N, 2), what `ImageDataset.checksums` holds.
    """
    pictures, others = (Counter(map(tuple, checksums.tolist())) for checksums in (before, now))
    gone, come = [*(pictures - others).elements()], [*(others - pictures).elements()]
    moved = _contents(gone) & _contents(come)
    names = [Counter(name for name, content in some if content not in moved) for some in (gone, come)]
    renamed, changed = moved.total(), (names[0] & names[1]).total()
    paired = renamed + changed
    counts = {
        "added": len(come) - paired,
        "removed": len(gone) - paired,
        "changed": changed,
        "renamed": renamed,
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "in another order"


def _contents(pictures: list[tuple[int, ...]]) -> Counter[int]:
    return Counter(content for _, content in pictures)


def _check_tensors(saved: dict[str, Any], state: TrainingState) -> None:
    """Raise `ValueError` unless names, shapes and types are those of the nets of `state` and their Adams.

    An Adam that has not stepped yet has no moments, and one whose beta1 is 0 no first ones.
    """
    nets = state.nets()
    own = {name: net.state_dict() for name, net in nets.items()} | {"totals": state.totals}
    moments = {"g_optimizer": _moments(nets["generator"]), "d_optimizer": _moments(nets["discriminator"])}
    needed, allowed = _tensors(own), _tensors(own | moments)
    found = _tensors({name: saved[name] for name in (*own, *moments)})
    if strange := sorted((found.keys() - allowed.keys()) | (needed.keys() - found.keys())):
        raise ValueError(f"its {strange[0]:.80} is too much or missing")
    for name, tensor in found.items():
        facts, wanted = ((t.dtype, tuple(t.shape)) for t in (tensor, allowed[name]))
        if facts != wanted:
            raise ValueError(f"its {name} is {facts[0]} {facts[1]} and should be {wanted[0]} {wanted[1]}")


def _moments(net: nn.Module) -> _Moments:
    step = torch.zeros(())
    return {n: {"step": step, "exp_avg": w, "exp_avg_sq": w} for n, w in enumerate(net.parameters())}


def _tensors(values: Mapping[Any, Any], path: str = "") -> dict[str, Tensor]:
    """Find every tensor in dictionaries within dictionaries, by the keys that lead to it."""
    found: dict[str, Tensor] = {}
    for key, value in values.items():
        if isinstance(value, Tensor):
            found[f"{path}{key}"] = value
        elif isinstance(value, dict):
            found |= _tensors(value, f"{path}{key} ")
    return found
