"""The card of a shared model: what it is, what it was trained on, and what is wrong with it."""

from collections.abc import Iterable

from ganlib.evaluation.scores import Figures, Quality
from ganlib.sharing.facts import Facts
from ganlib.sharing.home import home
from ganlib.sharing.origin import NOT_STATED

_ON_THE_HUB = {
    "apache-2.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "mit",
    "openrail",
}  # the names by which the Hub knows licences
_MEASURES = (
    "KID at half size, times 1,000 (0 is as real)",
    "precision (low: pictures that do not look real)",
    "recall (low: kinds of picture are left out)",
    "distance to the nearest training picture (far below 1: copies)",
)
_LEAST = 0.5  # of what real pictures get
_COPIES = 0.8
_FEW = 10


def card(facts: Facts, address: str, samples: int) -> str:
    """The card as Markdown, with what the Hub reads at its head.

    `address` is where others load the model from, and `samples` how many pictures samples.png shows.
    """
    parts = [
        _head(facts),
        _opening(facts, samples),
        _training(facts),
        _quality(facts),
        _faults(facts),
        _use(address),
    ]
    return "\n\n".join(parts) + "\n"


def _head(facts: Facts) -> str:
    """What the Hub reads: YAML between two lines of dashes."""
    lines = {
        "license": _licence_on_the_hub(facts.licence),
        "library_name": "ganlib",
        "pipeline_tag": "unconditional-image-generation",
        "tags": "[gan, pytorch]",
    }
    return "\n".join(["---", *(f"{name}: {value}" for name, value in lines.items()), "---"])


def _licence_on_the_hub(licence: str) -> str:
    if licence == NOT_STATED:
        return "unknown"
    name = "-".join(licence.lower().split())
    return name if name in _ON_THE_HUB else "other"


def _opening(facts: Facts, samples: int) -> str:
    name, size = " ".join(facts.name.split()), facts.recipe.size
    return (
        f"# {name}\n\nA generator that paints pictures of {size} x {size} pixels from "
        f"{facts.recipe.latent_dim} random numbers. These are its first {samples}, not a choice: seeds 0 to "
        f"{samples - 1}.\n\n![A grid of {samples} pictures that it has painted](samples.png)"
    )


def _training(facts: Facts) -> str:
    recipe = facts.recipe
    asking = ": ask whoever made it" if facts.licence == NOT_STATED else ""
    rows = {
        "trained on": facts.data,
        "licence of the weights": facts.licence + asking,
        "recipe": f"`{recipe.name}`: {recipe.about}".rstrip(": "),
        "weights": "those with the best score of the training" if facts.best else "the last of the training",
        "length": _length(facts),
        "every other choice": "`recipe.json`",
    }
    return "## How it was made\n\n" + _table(("fact", "value"), rows.items())


def _length(facts: Facts) -> str:
    if facts.kimg < 1:
        return "less than a thousand pictures shown"
    shown = f"{facts.kimg:,.0f} thousand pictures shown"
    return f"{shown}, {_brief(facts.minutes)} minutes" if facts.minutes else shown


def _brief(number: float) -> str:
    """With one decimal where it is small."""
    return f"{number:,.0f}" if number >= _FEW else f"{number:.1f}"


def _quality(facts: Facts) -> str:
    if facts.quality is None:
        return "## How good it is\n\nNobody has measured it; `python -m ganlib evaluate` does."
    own, floor = facts.quality, facts.quality.floor
    text = (
        f"As `{own.extractor}` sees {own.count:,} of its pictures next to {own.real:,} {own.real_are}, and "
        "what real pictures get in the place of painted ones."
    )
    if facts.quality_is_old:
        text += " The figures are older than the weights, which may have been trained on since."
    rows = zip(_MEASURES, _values(own), _values(floor), strict=True)
    return f"## How good it is\n\n{text}\n\n{_table(('', 'painted', 'real'), rows)}"


def _values(figures: Figures) -> tuple[str, ...]:
    shares = (figures.precision, figures.recall, figures.neighbour_ratio)
    return f"{round(figures.kid.half.mean):,}", *(f"{share:.2f}" for share in shares)


def _faults(facts: Facts) -> str:
    found = [
        f"Seen in training, at {_brief(kimg)} thousand pictures: {text}" for kimg, text in facts.warnings
    ]
    if facts.quality is not None:
        found += _measured_faults(facts.quality)
    found += ["It knows nothing but what its pictures show, and repeats whatever is one-sided about them."]
    return "## Known faults\n\n" + "\n".join(f"- {text}" for text in found)


def _measured_faults(quality: Quality) -> list[str]:
    found = []
    if quality.precision < _LEAST * quality.floor.precision:
        found.append(f"Many of its pictures do not look real: its precision is {quality.precision:.2f}.")
    if quality.recall < _LEAST * quality.floor.recall:
        found.append(f"It leaves out kinds of picture: its recall is {quality.recall:.2f}.")
    if quality.neighbour_ratio < _COPIES:
        near = f"{quality.neighbour_ratio:.2f} times as far from the nearest training picture as new ones do"
        found.append(f"It comes close to copying: its pictures lie {near}.")
    return found


def _use(address: str) -> str:
    return f"""## How to use it

{_getting()}

```python
import ganlib

generator, recipe = ganlib.load("{address}")
pictures = ganlib.paint(generator, ganlib.sample_latent(16, recipe.latent_dim, seed=0))
ganlib.grid(pictures).save("pictures.png")
```

`generator.safetensors` holds the weights and the recipe, and nothing that could run code."""


def _getting() -> str:
    if address := home():
        return f"With [ganlib]({address}), which `pip install git+{address}` brings:"
    return "With ganlib, from whoever gave you this:"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_in_a_cell(text) for text in line) + " |" for line in lines)


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", r"\\").replace("|", r"\|")
