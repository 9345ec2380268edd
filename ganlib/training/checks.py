"""Whether a state read from a file is one that could have been saved here: asked before it is used."""

import math
from typing import Any

import torch
from torch import Tensor

from ganlib.training.state import MOST_SETBACKS, Best, TrainingState

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
    "setbacks",
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
    state.streams.check(values["random"])
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
    _count(values["setbacks"], "the number of setbacks", MOST_SETBACKS)
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
