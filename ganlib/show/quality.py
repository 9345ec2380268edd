"""How good a generator is, as a table."""

from collections.abc import Iterator

from ganlib.evaluation.metrics import FEWEST_FOR_FID, Spread
from ganlib.evaluation.scores import SCALES, Figures, Quality
from ganlib.show.table import table

SHARES = ("precision", "recall", "density", "coverage")


def quality_page(quality: Quality) -> str:
    """What was measured with what, and every figure beside what real pictures get in its place."""
    return f"{computed_with(quality)}\n\n{table(list(_rows(quality)))}\n\n{_explained(quality)}"


def computed_with(quality: Quality) -> str:
    """One sentence: how many pictures of which size were compared with which, and as what net sees them."""
    return (
        f"{quality.count:,} painted pictures (seeds {quality.seed} to {quality.seed + quality.count - 1}) "
        f"next to {quality.real:,} {quality.real_are} of '{quality.pictures}' at {quality.resolution} px, as "
        f"{quality.extractor} sees them at {quality.side} px."
    )


def spread_text(spread: Spread) -> str:
    """The mean and the standard deviation."""
    return f"{spread.mean:.1f} ± {spread.sd:.1f}"


def _rows(quality: Quality) -> Iterator[list[str]]:
    floor = quality.floor
    yield ["", "better", *_headings(quality)]
    yield ["KID x 1000", "lower", *_beside(_kid(quality), _kid(floor))]
    for share in SHARES:
        yield [share, "higher", *_beside(_share(quality, share), _share(floor, share))]
    for name, better, painted, real in (
        ("FID", "lower", _fid(quality), _fid(floor)),
        ("distinct", "higher", _distinct(quality), _distinct(floor)),
        ("neighbours", "near 1", f"{quality.neighbour_ratio:.2f}", f"{floor.neighbour_ratio:.2f}"),
    ):
        yield [name, better, painted, real, *[""] * 4]


def _headings(quality: Quality) -> list[str]:
    return _beside([f"at {quality.resolution // scale} px" for scale in SCALES], ["real"] * len(SCALES))


def _beside(painted: list[str], real: list[str]) -> list[str]:
    """Painted and real in turn, size by size."""
    return [text for pair in zip(painted, real, strict=True) for text in pair]


def _kid(figures: Figures) -> list[str]:
    return [spread_text(spread) for spread in figures.kid]


def _share(figures: Figures, share: str) -> list[str]:
    return [f"{getattr(manifold, share):.3f}" for manifold in figures.manifold]


def _fid(figures: Figures) -> str:
    return "-" if figures.fid is None else f"{figures.fid:.1f}"


def _distinct(figures: Figures) -> str:
    return f"{figures.distinct:,} of {figures.count:,}"


def _explained(quality: Quality) -> str:
    lines = [
        f"real: what {quality.floor.count:,} other real pictures get in their place.",
        f"neighbours: how far samples are from the nearest of {quality.train:,} training pictures, next to "
        "held-out pictures; far below 1, they are copies.",
    ]
    if quality.fid is None:
        lines.append(f"FID is not computed with fewer than {FEWEST_FOR_FID:,} pictures on a side.")
    return "\n".join(lines)
