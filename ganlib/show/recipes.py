"""Recipes as text: a table of all of them, and each with a sentence for every choice."""

from collections.abc import Callable

from ganlib.costs import cost
from ganlib.recipes import Recipe
from ganlib.show.figure import table

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
    return {
        "dcgan": "Transposed convolutions in G, strided ones in D, 4x4 both (Radford et al. 2016).",
        "excited": "In G a small map scales the channels of large ones (Liu et al. 2021); D is a DCGAN's.",
        "residual": "Residual blocks that start as nothing, nowhere a norm (Huang et al. 2024).",
        "resize": "G enlarges and convolves, which leaves no checkerboard; D has five 3x3 convolutions.",
    }[recipe.family]


def _init(recipe: Recipe) -> str:
    if recipe.family == "residual":
        return "Every block starts at zero (Zhang et al. 2019)."
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


def _over_time(recipe: Recipe, first: float, last: float) -> str:
    return f", {first:g} to {last:g}" if recipe.ramp_kimg and first != last else ""


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
    "minibatch_stddev": lambda r: (
        "D's last layer is told how much the pictures of a batch differ (Karras et al. 2018)."
        if r.minibatch_stddev
        else "D looks at each picture by itself."
    ),
    "sync_norm": _sync_norm,
    "loss": lambda r: {
        "bce": "Cross-entropy, G's part non-saturating (Goodfellow et al. 2014).",
        "hinge": "Hinge: D stops caring about what it is sure of (Lim & Ye 2017).",
        "relativistic": "Each fake is judged against a real picture (Jolicoeur-Martineau 2019).",
    }[r.loss],
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
    "penalty": lambda r: (
        f"R1 + R2 keep D's gradient short at real and painted pictures{_over_time(r, *r.penalty)}."
        if any(r.penalty)
        else "None on D's gradient."
    ),
    "penalty_every": lambda r: (
        "Without a penalty, nothing."
        if not any(r.penalty)
        else "In every step."
        if r.penalty_every == 1
        else f"In one of {r.penalty_every} steps of D, that many times as strong (Karras et al. 2020)."
    ),
    "augment": lambda r: (
        "D sees reals and fakes changed in this way (Zhao et al. 2020)."
        if r.augment
        else "D sees all as it is."
    ),
    "augment_p": lambda r: (
        f"How likely each is, picture by picture{_over_time(r, *r.augment_p)}."
        if r.augment
        else "Without augmentation, nothing."
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
    "lr_end": lambda r: (
        f"The share of both rates that is left after {r.ramp_kimg:g} kimg."
        if r.ramp_kimg and r.lr_end != 1
        else "Both rates stay as they are."
    ),
    "beta2_end": lambda r: (
        f"Adam's long memory after {r.ramp_kimg:g} kimg."
        if r.ramp_kimg and r.beta2_end != r.betas[1]
        else "Adam's memory stays as it is."
    ),
    "ramp_kimg": lambda r: (
        "By then all that changes has come to its end, along a cosine."
        if r.ramp_kimg
        else "Nothing changes in the course of a run."
    ),
    "ema_kimg": lambda r: f"Samples come from a moving average of G with a half-life of {r.ema_kimg:g} kimg.",
    "ema_start": lambda r: (
        f"The share of that half-life at first; it grows until {r.ramp_kimg:g} kimg."
        if r.ramp_kimg and r.ema_start != 1
        else "That half-life stays as it is, but for the first twentieth of a run."
    ),
    "epochs": lambda _: "Passes over the pictures, unless told otherwise.",
    "seed": lambda _: "The same seed gives the same run, on a CPU to the bit.",
}
