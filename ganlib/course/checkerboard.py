"""A calculator for transposed convolutions: the size of the result, and whether stamps overlap evenly."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.show.figure import Figure, widgets_or_still
from ganlib.studio.widgets import Debounce

BLUE, ORANGE = "#0072B2", "#D55E00"
_LIMITS = {"size": (1, 8), "kernel": (1, 8), "stride": (1, 4), "padding": (0, 3)}
_NAMES = {"size": "in", "kernel": "kernel", "stride": "stride", "padding": "padding"}
_LEGIBLE = 16  # pixels a side whose counts can still be written in
_SECONDS = 0.05


@dataclass(frozen=True)
class Stamping:
    """A transposed convolution of a square map, `size` wide, whose every number stamps the kernel once."""

    size: int = 4
    kernel: int = 4
    stride: int = 2
    padding: int = 1

    def __post_init__(self) -> None:
        """Raise `GanlibError` if a number is too small for a transposed convolution."""
        for name, least in (("size", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            if getattr(self, name) < least:
                raise GanlibError(f"The {name} of a transposed convolution is at least {least}: raise it.")

    @property
    def canvas(self) -> int:
        """The side of the canvas before its edges are cut."""
        return (self.size - 1) * self.stride + self.kernel

    @property
    def side(self) -> int:
        """The side of the result; 0 if the padding cuts everything away."""
        return max(0, self.canvas - 2 * self.padding)

    def counts(self) -> Tensor:
        """How often each pixel of the result is stamped, (side, side)."""
        row = torch.zeros(self.canvas, dtype=torch.int64)
        for start in range(0, self.size * self.stride, self.stride):
            row[start : start + self.kernel] += 1
        row = row[self.padding : self.padding + self.side]
        return row[:, None] * row

    def inner_counts(self) -> list[int]:
        """The counts that pixels far from the edge have, each once, in order."""
        each = [len(range(place, self.kernel, self.stride)) for place in range(self.stride)]
        return sorted({high * wide for high in each for wide in each})

    def tell(self) -> str:
        """The size and the overlap, in words."""
        sum_ = f"({self.size} - 1) x {self.stride} - 2 x {self.padding} + {self.kernel}"
        if not self.side:
            return f"{sum_} is less than 1: the padding cuts everything away."
        return f"{sum_} = {self.side}{self._in_words()}. {_overlap(self.inner_counts())}"

    def _in_words(self) -> str:
        times, rest = divmod(self.side, self.size)
        if rest or not times:
            return ""
        return {1: ", the size it had", 2: ", twice the size"}.get(times, f", {times} times the size")


def _overlap(counts: Sequence[int]) -> str:
    """How evenly pixels far from the edge are stamped."""
    if len(counts) == 1:
        return f"Away from the edge every pixel is stamped {_times(counts)}: even."
    fault = "gaps" if 0 in counts else "a checkerboard"
    return f"Away from the edge a pixel is stamped {_times(counts)}: {fault}."


def _times(counts: Sequence[int]) -> str:
    return "once" if list(counts) == [1] else " or ".join(map(str, counts)) + " times"


def stamping_figure(stamping: Stamping) -> Figure:
    """Draw the stamps of one row where they land, and how often every pixel is hit."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(9, 3.6), layout="constrained", facecolor="white")
    left, right = canvas.subplots(1, 2, width_ratios=(3, 2))
    _draw_row(left, stamping)
    _draw_counts(right, stamping)
    return Figure.from_canvas(canvas, _describe(stamping))


def _draw_row(axes: Any, stamping: Stamping) -> None:
    """Each stamp of one row as a bar, and in grey what is cut off."""
    for index in range(stamping.size):
        colour, hatch = ((BLUE, ""), (ORANGE, "//"))[index % 2]
        start = index * stamping.stride - stamping.padding
        axes.barh(index + 1, stamping.kernel, left=start, color=colour, hatch=hatch, edgecolor="white")
    for start in (-stamping.padding, stamping.canvas - 2 * stamping.padding):
        axes.axvspan(start, start + stamping.padding, color="#999999", alpha=0.55)
    axes.set(title="One row: where each stamp lands", xlabel="pixel of the result (grey: cut off)")
    axes.set(ylabel="number of the map", ylim=(stamping.size + 0.6, 0.4), yticks=range(1, stamping.size + 1))
    axes.set_xlim(-stamping.padding - 0.2, stamping.canvas - stamping.padding + 0.2)
    axes.grid(axis="x", alpha=0.4)


def _draw_counts(axes: Any, stamping: Stamping) -> None:
    """The result as shades of blue, with its counts where they can be read."""
    axes.set(title=f"The result, {stamping.side} x {stamping.side}", xticks=(), yticks=())
    if not stamping.side:
        return
    counts = stamping.counts()
    top = max(1, int(counts.max()))
    axes.imshow(counts.numpy(), cmap="Blues", vmin=0, vmax=1.6 * top)
    if stamping.side <= _LEGIBLE:
        for row in range(stamping.side):
            for column in range(stamping.side):
                count = int(counts[row, column])
                axes.text(column, row, count, ha="center", va="center", fontsize=8)
    axes.set_xlabel("how often each pixel is stamped")


def _describe(stamping: Stamping) -> str:
    return (
        "Left, the stamps of one row as bars, each a step further to the right; right, the result with the "
        f"number of stamps on every pixel. {stamping.tell()}"
    )


class StampCalculator:
    """Sliders for the numbers of a transposed convolution; the size and the overlap are told and drawn.

    In a notebook it is four sliders above a picture (ipywidgets 7.7 or 8); where there is no kernel, a still.
    """

    def __init__(self, size: int = 4, kernel: int = 4, stride: int = 2, padding: int = 1) -> None:
        """Begin with these numbers.

        Raises:
            GanlibError: a number is too small, beyond its slider, or ipywidgets is missing.
        """
        if find_spec("ipywidgets") is None:
            raise GanlibError("The calculator is made of sliders: type pip install ipywidgets, and restart.")
        from ipywidgets import HTML, Image

        self._stamping = Stamping(size, kernel, stride, padding)
        self._dials = {name: self._dial(name) for name in _LIMITS}
        self._line = HTML()
        self._line.add_class("ganlib-stamps")
        self._image = Image(format="png")
        self._later = Debounce(self._draw, _SECONDS)
        self._box = self._arranged()
        self._show()

    @property
    def stamping(self) -> Stamping:
        """The numbers that the sliders show."""
        return self._stamping

    def _dial(self, name: str) -> Any:
        from ipywidgets import IntSlider

        least, most = _LIMITS[name]
        value = getattr(self._stamping, name)
        if value > most:
            raise GanlibError(f"The calculator's {name} goes up to {most}: take less than {value}.")
        dial = IntSlider(value=value, min=least, max=most, description=_NAMES[name])
        dial.add_class(f"ganlib-stamps-{name}")
        dial.observe(self._moved, "value")
        return dial

    def _moved(self, _: Any) -> None:
        self._stamping = Stamping(**{name: dial.value for name, dial in self._dials.items()})
        self._show()

    def _show(self) -> None:
        text = escape(self._stamping.tell())
        self._line.value = f'<p role="status" aria-live="polite">{text}</p>'
        self._later.ask()

    def _draw(self) -> None:
        self._image.value = stamping_figure(self._stamping).data

    def _arranged(self) -> Any:
        from ganlib.studio.widgets import column, row

        return column(row(*self._dials.values()), self._line, self._image)

    def __repr__(self) -> str:
        """What the line above the picture says."""
        return self._stamping.tell()

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return widgets_or_still(self._box, stamping_figure(self._stamping), repr(self))
