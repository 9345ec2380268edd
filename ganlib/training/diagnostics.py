"""What goes wrong in a run, told from the rows of its log in plain words, with what to try."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ganlib.costs import cost
from ganlib.recipes import Recipe
from ganlib.runtime.device import Machine


@dataclass(frozen=True)
class Diagnostic:
    """A name, a sentence with what was seen, and one with what to try."""

    name: str
    seen: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.seen} {self.advice}"


_Row = dict[str, Any]

_RECENT = 4
_WINDOW = 20
_BEGINNING = 8  # rows: so long D may be far ahead of a G that still makes grey
_PATIENCE = 16
_LEAST_STEPS = 600  # with large batches a thousand pictures are few steps

_VERDICTS = ("real_probability", "fake_probability", "g_loss")
_FAR_AHEAD = 0.9  # of D(x) - D(G(z))
_AHEAD = 0.5
_SWING = 0.4
_TURNS = 4
_FOOLED = 0.3  # the loss of a G that has D take three of four for real
_NO_GRADIENT = 1e-4
_HOPELESS = 14.0  # the loss of a G that D sees through at a glance: of a million fakes it takes none for real
_ALIKE = 0.2  # the diversity of pictures that are hardly more than one

_FEW = 0.35  # of the diversity of real pictures
_LEFT = 0.25  # of the best there has been

_GOOD = 0.15  # a score: pictures that one recognises
_LIKE_GREY = 0.5  # a score: grey pictures of whatever kind have more
_BETTER = 0.95
_WORSE = 1.3
_FLAT = 0.8


def diagnose(rows: Sequence[_Row]) -> list[Diagnostic]:
    """List what is wrong with a run at the newest of its rows, oldest first; a row is a thousand pictures.

    It looks at losses, D(x), D(G(z)), gradient norms, diversity and score, each where it was measured.
    """
    checks = (_discriminator_wins, _generator_collapses, _oscillation, _past_its_best, _nothing_learnt)
    return [found for check in checks if (found := check(rows))]


def _discriminator_wins(rows: Sequence[_Row]) -> Diagnostic | None:
    """D is all but certain, thousand after thousand, while the score does not get better."""
    recent = [row for row in rows[-_RECENT:] if _has(row, *_VERDICTS)]
    if len(rows) < _BEGINNING or len(recent) < _RECENT:
        return None
    far_ahead = len(rows) >= _BEGINNING + _RECENT and _mean_lead(recent) >= _FAR_AHEAD
    scores = _known(rows, "score")[-2:]
    gets_better = len(scores) > 1 and scores[1] < _BETTER * scores[0]
    is_well = gets_better or (bool(scores) and scores[-1] < _GOOD)
    if not _is_hopeless(recent) and (not far_ahead or is_well or _no_gradient(rows)):
        return None
    real, fake = (fmean(_known(recent, name)) for name in ("real_probability", "fake_probability"))
    return Diagnostic(
        "discriminator wins",
        f"D gives real pictures a probability of {real:.2f} of being real, and generated ones {fake:.2f}"
        f"{_gradients(recent)}: G learns that its pictures are wrong, but not how to improve them.",
        "Slow D down: --set d_norm=spectral, or a lower rate such as d_lr=1e-4, or d_steps=1 if D takes more "
        'steps than G; in Python replace(recipe, d_norm="spectral").',
    )


def _is_hopeless(recent: Sequence[_Row]) -> bool:
    """Tell whether G makes one and the same picture that never fools D."""
    diversities = _known(recent, "diversity")
    alike = bool(diversities) and max(diversities) < _ALIKE
    return alike and fmean(_known(recent, "g_loss")) > _HOPELESS


def _generator_collapses(rows: Sequence[_Row]) -> Diagnostic | None:
    """The samples are few distinct pictures: they were more once, or they fool D all the same."""
    known = _known(rows, "diversity")
    best = max(known, default=0.0)
    lost = len(rows) > _BEGINNING and best >= _FEW and max(known[-2:]) <= _LEFT * best
    if not lost and not _never_varied(rows, known):
        return None
    return Diagnostic(
        "generator collapses",
        f"The samples are nearly alike: their diversity is {known[-1]:.2f}, and was {best:.2f} at best; that "
        "of real pictures is 1.",
        "Keep G from chasing what D likes at the moment: --set g_steps=1 if G takes more steps than D, "
        'or g_lr=1e-4, or d_norm=spectral; in Python replace(recipe, g_steps=1, d_norm="spectral").',
    )


def _never_varied(rows: Sequence[_Row], diversities: list[float]) -> bool:
    """Tell whether G fools D, and still with one and the same picture."""
    fooled = abs(_mean_lead(rows[-_BEGINNING:])) < _AHEAD
    learnt = min(_known(rows, "score"), default=1.0) < _LIKE_GREY
    return _is_old(rows) and fooled and learnt and max(diversities[-_RECENT:], default=1.0) < _FEW


def _oscillation(rows: Sequence[_Row]) -> Diagnostic | None:
    """The lead goes from one to the other and back, over and over."""
    leads = [lead for row in rows[-_WINDOW:] if (lead := _lead(row)) is not None]
    turns = _turning_points(leads)
    if len(turns) < _TURNS:
        return None
    return Diagnostic(
        "oscillation",
        f"D and G take turns winning: D(x) - D(G(z)) changed direction {len(turns)} times within "
        f"{len(rows[-_WINDOW:])} thousand pictures, between {max(turns):.2f} and {min(turns):.2f}.",
        "Let D and G alternate more often: --set steps_in=batches d_steps=1 g_steps=1 if each takes many "
        "steps in a row, otherwise lower g_lr and d_lr, or betas=(0.5,0.999); in Python "
        'replace(recipe, steps_in="batches", d_steps=1, g_steps=1).',
    )


def _past_its_best(rows: Sequence[_Row]) -> Diagnostic | None:
    """The score was much better than the last two are."""
    scored = [row for row in rows if _has(row, "score")]
    if not scored:
        return None
    best, last = min(scored, key=lambda row: row["score"]), scored[-1]
    if best["score"] > _LIKE_GREY or min(_known(scored[-2:], "score")) < _WORSE * best["score"]:
        return None
    return Diagnostic(
        "past its best",
        f"The score (lower is better) was {best['score']:.3f} at {best['kimg']:.0f} kimg, and is "
        f"{last['score']:.3f} at {last['kimg']:.0f} kimg.",
        "The best generator is kept beside the last one, as best.safetensors. To get further, use more "
        "pictures, augment them with --set augment=flip,translate,colour, or lower g_lr and d_lr; in Python "
        'replace(recipe, augment=("flip", "translate", "colour")).',
    )


def _nothing_learnt(rows: Sequence[_Row]) -> Diagnostic | None:
    """G gets no gradient, or the score stays like that of grey pictures although D is not far ahead."""
    scores = _known(rows, "score")
    is_flat = bool(scores) and min(scores) > max(_LIKE_GREY, _FLAT * scores[0])  # bad, and little better
    if _no_gradient(rows):
        rate = "2e-4"
        why = "has stopped learning: its weights have grown so much that no gradient reaches them"
    elif _is_old(rows) and is_flat and abs(_mean_lead(rows)) < _AHEAD:
        rate = "4e-4"
        why = f"has made no progress: its score was {scores[0]:.2f} and is {scores[-1]:.2f}"
    else:
        return None
    return Diagnostic(
        "nothing learnt",
        f"After {rows[-1]['step']} steps G {why}{_gradients(rows[-_RECENT:])}.",
        f"Start again with other rates, --set g_lr={rate} d_lr={rate}, and look at the pictures themselves; "
        f"in Python replace(recipe, g_lr={rate}, d_lr={rate}).",
    )


def _is_old(rows: Sequence[_Row]) -> bool:
    return len(rows) >= _PATIENCE and rows[-1]["step"] >= _LEAST_STEPS


def _no_gradient(rows: Sequence[_Row]) -> bool:
    """Whether next to nothing has reached G in its last rows."""
    known = _known(rows[-_WINDOW:], "g_gradient")[-_RECENT:]
    return len(known) == _RECENT and max(known) < _NO_GRADIENT


def _lead(row: _Row) -> float | None:
    """D(x) - D(G(z)); 0 where G alone has played and fooled D; none where nobody can say."""
    if _has(row, "real_probability", "fake_probability"):
        return row["real_probability"] - row["fake_probability"]
    return 0.0 if _has(row, "g_loss") and row["g_loss"] < _FOOLED else None


def _mean_lead(rows: Sequence[_Row]) -> float:
    """The mean of what is known; 1 if nothing is, for then nothing follows from it."""
    leads = [lead for row in rows if (lead := _lead(row)) is not None]
    return fmean(leads) if leads else 1.0


def _turning_points(values: Sequence[float]) -> list[float]:
    """The heights and depths at which `values` turn round by a swing or more."""
    turns: list[float] = []
    low = high = values[0] if values else 0.0
    rising = None
    for value in values:
        low, high = min(low, value), max(high, value)
        if rising is not False and value <= high - _SWING:
            turns += [high] if rising else []
            rising, low = False, value
        elif rising is not True and value >= low + _SWING:
            turns += [] if rising is None else [low]
            rising, high = True, value
    return turns


def _gradients(rows: Sequence[_Row]) -> str:
    """How long the gradients are, as the end of a sentence, if that was measured."""
    d, g = (_known(rows, name) for name in ("d_gradient", "g_gradient"))
    return f", with gradients of {d[-1]:.3g} in D and {g[-1]:.3g} in G" if d and g else ""


def _has(row: _Row, *names: str) -> bool:
    return all(row.get(name) is not None for name in names)


def _known(rows: Sequence[_Row], name: str) -> list[float]:
    return [row[name] for row in rows if _has(row, name)]


_FEW_OF_A_CLASS, _UNEVEN = 100, 10  # pictures of a class, and how many times as many another one may have


def uneven_classes(names: Sequence[str], counts: Sequence[int]) -> list[Diagnostic]:
    """Warn if a class has few training pictures, by themselves or next to another's."""
    fewest = min(counts)
    if fewest >= _FEW_OF_A_CLASS and max(counts) <= _UNEVEN * fewest:
        return []
    seen = ", ".join(f"{count:,} in '{name}'" for name, count in zip(names, counts, strict=True))
    return [
        Diagnostic(
            "uneven classes",
            f"The training pictures are {seen}.",
            "A small class is soon memorised: add pictures to it, merge it with another, or train without "
            "classes.",
        )
    ]


def short_memory(recipe: Recipe, machine: Machine, free: int, processes: int = 1) -> list[Diagnostic]:
    """Warn if a step of a batch that `processes` share may need more than the `free` bytes of the device."""
    costs, mixed = cost(recipe), machine.precision != "no"
    share = -(-recipe.batch_size // processes)
    needed = costs.memory(share, mixed)
    if needed <= free:
        return []
    fitting = next((n for n in range(share - 1, 0, -1) if costs.memory(n, mixed) <= free), None)
    lower = "size or width" if fitting is None else f"batch_size to {fitting * processes}, or size or width"
    where = "in memory" if machine.device.type == "cpu" else "on the GPU"
    seen = f"A step takes up to {needed / 2**30:.1f} GiB, and only {free / 2**30:.1f} GiB are free {where}."
    return [Diagnostic("memory may run out", seen, f"If it does, lower {lower}.")]
