"""The card of a shared model: what it is, what it was trained on, and what is wrong with it."""

import json
import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from ganlib.data.dataset import load_art
from ganlib.data.sources import PATCHWORK, PORTRAITS
from ganlib.errors import GanlibError, markdown, plain
from ganlib.evaluation.quality import Quality
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.runtime.files import bundled_folder, read_json
from ganlib.show.figure import render
from ganlib.training.checkpoint import trained_on
from ganlib.weights import kimg_of

NOT_STATED = "not stated"
_LONG = 2000  # letters of what somebody writes about pictures or a recipe


@dataclass(frozen=True)
class Facts:
    """What a card tells: of the pictures (`data`, `licence`), the training, the figures and the warnings.

    `best` says that the weights are those with the best score, not the last. `kimg` and `minutes` are the
    length of their training, `minutes` 0 if nothing was logged. `quality_is_old` says that the weights are
    newer than their figures, and each of `warnings` at how many kimg it was first given. `started_from` says
    which trained model it began with, if any.
    """

    name: str
    recipe: Recipe
    data: str
    licence: str
    best: bool
    kimg: float
    minutes: float
    quality: Quality | None
    quality_is_old: bool
    warnings: dict[str, float]
    started_from: str = ""


def facts_of(run: Run, name: str, data: str | None, licence: str | None, best: bool) -> Facts:
    """Read the facts in a run folder, up to the weights; `data` and `licence` are what the person says.

    Raises:
        GanlibError: there is no recipe, or it, the weights, the log or the figures are damaged.
    """
    recipe, weights = run.recipe(), run.weights_file(best=best)
    kimg = kimg_of(weights)
    rows = [row for row in run.log() if row["kimg"] <= kimg]
    minutes = rows[-1]["seconds"] / 60 if rows else 0.0
    warnings: dict[str, float] = {}
    for row in rows:
        for warning in row.get("warnings", []):
            warnings.setdefault(warning["seen"], row["kimg"])
    started_from = rows[0].get("started_from", "") if rows else ""
    figures = run.folder / ("quality-best.json" if best else "quality.json")
    is_old = figures.is_file() and figures.stat().st_mtime < weights.stat().st_mtime
    try:
        quality = Quality.from_json(read_json(figures, dict[str, Any])) if figures.is_file() else None
    except GanlibError as error:
        raise GanlibError(f"'{figures}' is damaged: remove it, or evaluate the run once more.") from error
    data, usual = (markdown(data, _LONG), NOT_STATED) if data else _origin(run, recipe.size)
    return Facts(
        name, recipe, data, licence or usual, best, kimg, minutes, quality, is_old, warnings, started_from
    )


def _origin(run: Run, size: int | str) -> tuple[str, str]:
    """What a run was trained on, and the licence, found out by the fingerprint: a run keeps no names."""
    trained = trained_on(run)
    if trained is None:
        return NOT_STATED, NOT_STATED
    for name in (PORTRAITS, PATCHWORK):
        facts = json.loads((bundled_folder() / f"{name}.json").read_text(encoding="utf-8"))
        may_be = facts["count"] / 2 < trained["pictures"] < facts["count"]  # some are held out
        if may_be and load_art(name, size).content_hash == trained["fingerprint"]:
            return f"`{name}`, {facts['count']:,} pictures. {facts['source']}", facts["licence"]
    return f"{trained['pictures']:,} pictures, it is {NOT_STATED} which", NOT_STATED


def home() -> str:
    """Return the address of the project's repository, or "" while it is published nowhere.

    It is read from pyproject.toml, in a checkout, or from what was installed.
    """
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.is_file():
        urls = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("urls", {})
    else:  # lines such as "Repository, https://..."
        urls = dict(line.split(", ", 1) for line in metadata("ganlib").get_all("Project-URL") or [])
    return str(urls.get("Repository", ""))


_KNOWN_TO_THE_HUB = re.compile(r"cc-by(-nc)?(-nd|-sa)?-4\.0|cc0-1\.0|apache-2\.0|mit|openrail")


def card(facts: Facts, address: str, samples: int, own_class: str = "") -> str:
    """Write the card as Markdown, with what the Hub reads at its head.

    `address` is where others load the model from, `samples` how many pictures samples.png shows, and
    `own_class` the name of the generator's class where that is none of ganlib's.
    """
    tag = "-".join(facts.licence.lower().split())
    if not _KNOWN_TO_THE_HUB.fullmatch(tag):
        tag = "unknown" if facts.licence == NOT_STATED else "other"
    told = {"address": address, "samples": samples, "own_class": own_class, "home": home(), "tag": tag}
    told |= {"size": facts.recipe.shape, "not_stated": NOT_STATED}
    filters = {"markdown": markdown, "code": _code}
    return render("card.md", "ganlib.hub", filters, **vars(facts), **told) + "\n"


def _code(text: str) -> str:
    return "`" + plain(text).replace("`", "'").replace("|", r"\|") + "`"
