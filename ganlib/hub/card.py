"""The card of a shared model: what it is, what it was trained on, and what is wrong with it."""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from ganlib.data.dataset import load_art
from ganlib.data.sources import PATCHWORK, PORTRAITS
from ganlib.errors import GanlibError, markdown, plain
from ganlib.evaluation.quality import Figures, Quality
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.runtime.files import bundled_folder
from ganlib.runtime.reading import read_json
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
    quality = _read_quality(figures) if figures.is_file() else None
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


def _read_quality(file: Path) -> Quality:
    try:
        return Quality.from_json(read_json(file, dict[str, Any]))
    except GanlibError as error:
        raise GanlibError(f"'{file}' is damaged: remove it, or evaluate the run once more.") from error


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
_LEAST = 0.5  # of what real pictures get
_FEW = 10


def card(facts: Facts, address: str, samples: int, own_class: str = "") -> str:
    """Write the card as Markdown, with what the Hub reads at its head.

    `address` is where others load the model from, `samples` how many pictures samples.png shows, and
    `own_class` the name of the generator's class where that is none of ganlib's.
    """
    parts = _head(facts.licence), _opening(facts, samples), _training(facts), _quality(facts), _faults(facts)
    return "\n\n".join([*parts, _use(address, own_class)]) + "\n"


def _head(licence: str) -> str:
    """What the Hub reads: YAML between two lines of dashes."""
    name = "-".join(licence.lower().split())
    unknown = "unknown" if licence == NOT_STATED else "other"
    data = ModelCardData(
        license=name if _KNOWN_TO_THE_HUB.fullmatch(name) else unknown,
        library_name="ganlib",
        pipeline_tag="unconditional-image-generation",
        tags=["gan", "pytorch"],
    )
    return f"---\n{data.to_yaml()}\n---"


def _opening(facts: Facts, samples: int) -> str:
    size = facts.recipe.shape
    return f"""# {markdown(facts.name)}

A generator that makes a picture of {size.width} x {size.height} pixels from {facts.recipe.latent_dim} \
random numbers. These are its first {samples}, not a choice: seeds 0 to {samples - 1}.

![A grid of {samples} pictures that it has generated](samples.png)"""


def _training(facts: Facts) -> str:
    asking = ": ask whoever made it" if facts.licence == NOT_STATED else ""
    shown = f"{facts.kimg:,.0f} thousand" if facts.kimg >= 1 else "less than a thousand"
    minutes = f", {_brief(facts.minutes)} minutes" if facts.minutes and facts.kimg >= 1 else ""
    rows = {
        "trained on": facts.data,
        "licence of the weights": markdown(facts.licence) + asking,
        **({"began with": markdown(facts.started_from, _LONG)} if facts.started_from else {}),
        "recipe": f"{_code(facts.recipe.name)}: {markdown(facts.recipe.about, _LONG)}".rstrip(": "),
        "weights": "those with the best score of the training" if facts.best else "the last of the training",
        "length": f"{shown} pictures shown{minutes}",
        "every other choice": "`config.json`",
    }
    return "## How it was made\n\n" + _table(("fact", "value"), rows.items())


def _brief(number: float) -> str:
    """With one decimal where it is small."""
    return f"{number:,.0f}" if number >= _FEW else f"{number:.1f}"


def _quality(facts: Facts) -> str:
    if facts.quality is None:
        return "## How good it is\n\nNobody has measured it; `python -m ganlib evaluate` does."
    own = facts.quality
    text = (
        f"As {_code(own.extractor)} sees {own.count:,} of its pictures next to {own.real:,} "
        f"{markdown(own.real_are)}, and what real pictures get in the place of generated ones."
    )
    if facts.quality_is_old:
        text += " The figures are older than the weights, which may have been trained on since."
    generated, real = _values(own), _values(own.baseline)
    rows = [(name, value, real[name]) for name, value in generated.items()]
    return f"## How good it is\n\n{text}\n\n{_table(('', 'generated', 'real'), rows)}"


def _values(figures: Figures) -> dict[str, str]:
    return {
        "KID at half size, times 1,000 (0 is as real)": f"{round(figures.kid.half.mean):,}",
        "precision (low: pictures that do not look real)": f"{figures.precision:.2f}",
        "recall (low: kinds of picture are left out)": f"{figures.recall:.2f}",
        "distance to the nearest training picture (far below 1: copies)": f"{figures.neighbour_ratio:.2f}",
    }


def _faults(facts: Facts) -> str:
    given = facts.warnings.items()
    found = [
        f"Seen in training, at {_brief(kimg)} thousand pictures: {markdown(seen, _LONG)}"
        for seen, kimg in given
    ]
    found += _measured_faults(facts.quality) if facts.quality else []
    found += ["It knows nothing but what its pictures show, and repeats whatever is one-sided about them."]
    return "## Known faults\n\n" + "\n".join(f"- {text}" for text in found)


def _measured_faults(quality: Quality) -> list[str]:
    found = []
    if quality.precision < _LEAST * quality.baseline.precision:
        found.append(f"Many of its pictures do not look real: its precision is {quality.precision:.2f}.")
    if quality.recall < _LEAST * quality.baseline.recall:
        found.append(f"It leaves out kinds of picture: its recall is {quality.recall:.2f}.")
    return [*found, quality.copies] if quality.copies else found


def _use(address: str, own_class: str) -> str:
    at = home()
    getting = f"With [ganlib]({at}), which `pip install git+{at}` brings:" if at else "With ganlib:"
    passed = f", generator={own_class}()" if own_class else ""
    asking = f" `{own_class}` is a class of its author's: ask for its code." if own_class else ""
    return f"""## How to use it

{getting}

```python
import ganlib

generator, recipe = ganlib.load("{address}"{passed})
pictures = ganlib.generate(generator, ganlib.sample_latent(16, recipe.latent_dim, seed=0))
ganlib.grid(pictures).save("pictures.png")
```

`model.safetensors` holds the weights and `config.json` the recipe; neither can run code.{asking}"""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(text: str) -> str:
    """A name as code, also in a table, out of which it cannot break."""
    return "`" + plain(text).replace("`", "'").replace("|", r"\|") + "`"
