"""Which pictures a run was trained on, and what may be done with them, as far as the run knows."""

import json
from typing import Any, NamedTuple

import torch

from ganlib.assets import bundled_folder
from ganlib.data.art import load_art
from ganlib.data.sources import PATCHWORK, PORTRAITS
from ganlib.run import Run

NOT_STATED = "not stated"


class Origin(NamedTuple):
    """The pictures in words, and the licence of weights that were trained on them."""

    data: str
    licence: str


def trained_on(run: Run) -> dict[str, Any] | None:
    """What the newest checkpoint that can be read says of the pictures: how many, and their fingerprint."""
    for path in run.checkpoints:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)["data"]
        except Exception:  # torch raises nearly anything at a damaged file, of which 'train' tells
            continue
    return None


def origin_of(run: Run) -> Origin:
    """Found out by the fingerprint where the pictures are bundled ones; a run keeps no names."""
    trained = trained_on(run)
    if trained is None:
        return Origin(NOT_STATED, NOT_STATED)
    for name in (PORTRAITS, PATCHWORK):
        facts = json.loads((bundled_folder() / f"{name}.json").read_text(encoding="utf-8"))
        if _is_the_set(name, facts["count"], trained, run.recipe().size):
            return Origin(f"`{name}`, {facts['count']:,} pictures. {facts['source']}", facts["licence"])
    return Origin(f"{trained['pictures']:,} pictures, it is {NOT_STATED} which", NOT_STATED)


def _is_the_set(name: str, count: int, trained: dict[str, Any], size: int) -> bool:
    """Whether a run saw this bundled set; the count spares others the preparing of it."""
    may_be = count / 2 < trained["pictures"] < count  # some are held out
    return may_be and load_art(name, size).content_hash == trained["fingerprint"]
