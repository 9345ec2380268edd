"""Recipes as text: a table of all of them, and each with a sentence for every choice."""

from collections.abc import Callable

from ganlib.cost import cost
from ganlib.recipes import Recipe
from ganlib.show.table import table

_GIB = 2**30
_HOUR = 60
_DAY = 24 * _HOUR
_OURS = "ganlib"
_HEADINGS = ("recipe", "source", "data set", "px", "parameters G + D", "loss", "memory", "time here")


def recipe_table(recipes: list[Recipe], minutes: dict[str, float]) -> str:
    """A line for each recipe; `minutes` says how long its epochs take on this machine, by name.

    The memory is counted for training in fp32.
    """
    return table([_HEADINGS, *(_row(recipe, minutes[recipe.name]) for recipe in recipes)])


def _row(recipe: Recipe, minutes: float) -> tuple[str, ...]:
    counted = cost(recipe)
    parameters = f"{counted.generator_parameters:,} + {counted.discriminator_parameters:,}"
    memory = f"{counted.memory(recipe.batch_size) / _GIB:.1f} GiB"
    source = recipe.project.removeprefix("https://github.com/") or _OURS
    pictures = recipe.pictures or recipe.art
    return (
        recipe.name,
        source,
        pictures,
        str(recipe.size),
        parameters,
        recipe.loss,
        memory,
        _how_long(minutes),
    )


def _how_long(minutes: float) -> str:
    if minutes < _HOUR:
        return f"{max(1, round(minutes))} min"
    return f"{minutes / _HOUR:.0f} h" if minutes < 2 * _DAY else f"{minutes / _DAY:.0f} days"


def recipe_page(recipe: Recipe) -> str:
    """Every field with its value and a sentence that says what it does."""
    head = [recipe.name, recipe.about]
    head += [f"project   {recipe.project}"] if recipe.project else []
    head += [f"pictures  {recipe.pictures}"] if recipe.pictures else []
    values = [(name, _shown(getattr(recipe, name)), say(recipe)) for name, say in _SENTENCES.items()]
    name_width, value_width = (max(len(row[place]) for row in values) for place in range(2))
    lines = [f"{name:<{name_width}}  {value:<{value_width}}  {text}" for name, value, text in values]
    return "\n".join([*head, "", *lines, "", _costs(recipe)])


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _costs(recipe: Recipe) -> str:
    counted = cost(recipe)
    whole, half = (counted.memory(recipe.batch_size, mixed) / _GIB for mixed in (False, True))
    return (
        f"G has {counted.generator_parameters:,} parameters, D {counted.discriminator_parameters:,}.\n"
        f"A step costs {counted.flops / 1e9:.1f} GFLOP a picture. Training in batches of {recipe.batch_size} "
        f"takes {whole:.2f} GiB, {half:.2f} in mixed precision:\n"
        "counted, without what the device keeps for itself."
    )


def _family(recipe: Recipe) -> str:
    if recipe.family == "resize":
        return "G enlarges and convolves, which leaves no checkerboard; D has five 3x3 convolutions."
    return "Transposed convolutions in G, strided ones in D, 4x4 both (Radford et al. 2016)."


def _init(recipe: Recipe) -> str:
    return "N(0, 0.02), as the DCGAN paper has it." if recipe.init == "normal" else "As PyTorch draws them."


def _g_norm(recipe: Recipe) -> str:
    return {"batch": "BatchNorm in G, not in the last layer.", "none": "G normalises nothing."}[recipe.g_norm]


def _sync_norm(recipe: Recipe) -> str:
    whose = "the whole batch" if recipe.sync_norm else "its own part of it"
    return f"With several GPUs, each takes BatchNorm's statistics over {whose}."


def _d_norm(recipe: Recipe) -> str:
    return {
        "batch": "BatchNorm in D, not in the last layer.",
        "spectral": "Every layer of D is held at a largest stretch of one (Miyato et al. 2018).",
        "none": "D normalises nothing.",
    }[recipe.d_norm]


def _labels(which: str, plain: float) -> Callable[[Recipe], str]:
    def sentence(recipe: Recipe) -> str:
        low, high = getattr(recipe, which)
        if low == high == plain:
            return "A hard label."
        return f"A soft label, drawn from this range, keeps {_keeps(which)} (Salimans et al. 2016)."

    return sentence


def _keeps(which: str) -> str:
    return "G from overdoing it" if which == "generator_labels" else "D from being too sure"


def _schedule(recipe: Recipe) -> str:
    if recipe.d_steps == recipe.g_steps == 1 and recipe.steps_in == "batches":
        return "One step of D, one of G."
    return f"D plays {recipe.d_steps} {recipe.steps_in}, then G {recipe.g_steps}."


_SENTENCES: dict[str, Callable[[Recipe], str]] = {
    "art": lambda r: f"The bundled set that stands in for {r.pictures or 'your own pictures'}.",
    "family": _family,
    "size": lambda r: f"Pictures of {r.size} x {r.size} pixels.",
    "latent_dim": lambda r: f"G starts from {r.latent_dim} numbers, each drawn from N(0, 1).",
    "width": lambda _: "Channels grow and shrink with it: half of it is about a quarter of the work.",
    "init": _init,
    "g_norm": _g_norm,
    "d_norm": _d_norm,
    "d_norm_first": lambda r: (
        "BatchNorm in D's first layer too." if r.d_norm_first else "None in D's first layer."
    ),
    "d_dropout": lambda r: (
        "This share of D's features is put out by chance, which slows D down." if r.d_dropout else "None."
    ),
    "sync_norm": _sync_norm,
    "loss": lambda r: (
        "Cross-entropy, G's part non-saturating (Goodfellow et al. 2014)."
        if r.loss == "bce"
        else "Hinge: D stops caring about what it is sure of (Lim & Ye 2017)."
    ),
    "real_labels": _labels("real_labels", 1.0),
    "fake_labels": _labels("fake_labels", 0.0),
    "generator_labels": _labels("generator_labels", 1.0),
    "label_noise": lambda r: (
        f"U(0, {r.label_noise:g}) is added to every label." if r.label_noise else "None."
    ),
    "logit_noise": lambda r: (
        "N(0, this) is added to D's output while D learns, to slow it." if r.logit_noise else "None."
    ),
    "logit_noise_kimg": lambda r: (
        f"The noise is gone after {r.logit_noise_kimg:g} kimg."
        if r.logit_noise
        else "Without noise, nothing."
    ),
    "augment": lambda r: (
        "D sees reals and fakes changed in this way (Zhao et al. 2020)."
        if r.augment
        else "D sees all as it is."
    ),
    "mirror": lambda r: "Every second picture is mirrored." if r.mirror else "No picture is mirrored.",
    "batch_size": lambda r: f"{r.batch_size} real and {r.batch_size} painted pictures a step.",
    "fakes": lambda r: (
        "G learns on the fakes that D has just seen."
        if r.fakes == "shared"
        else "G paints anew for its step."
    ),
    "d_steps": _schedule,
    "g_steps": _schedule,
    "steps_in": lambda _: "What d_steps and g_steps count.",
    "g_lr": lambda r: "Adam's rate for G." if r.g_lr == r.d_lr else "Adam's rate for G, not that of D.",
    "d_lr": lambda _: "Adam's rate for D.",
    "betas": lambda _: "Adam's memory: short for the direction, long for the size of a step.",
    "ema_kimg": lambda r: f"Samples come from a moving average of G with a half-life of {r.ema_kimg:g} kimg.",
    "epochs": lambda _: "Passes over the pictures, unless told otherwise.",
    "seed": lambda _: "The same seed gives the same run, on a CPU to the bit.",
}
