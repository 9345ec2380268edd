"""A calculator for transposed convolutions: the output size, and whether kernels overlap evenly."""

import itertools
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.show.figure import BLUE, ORANGE, Figure, Interactive, new_canvas
from ganlib.studio.widgets import announced, column, row, tagged, watched

_LIMITS = {"size": (1, 8), "kernel": (1, 8), "stride": (1, 4), "padding": (0, 3)}
_LEGIBLE = 16  # pixels a side whose counts can still be written in


@dataclass(frozen=True)
class TransposedConvolution:
    """A transposed convolution of a square map, `size` wide, every number of which adds one kernel."""

    size: int = 4
    kernel: int = 4
    stride: int = 2
    padding: int = 1

    def __post_init__(self) -> None:
        """Raise `GanlibError` if a number is too small for a transposed convolution."""
        for name, (least, _) in _LIMITS.items():
            if getattr(self, name) < least:
                raise GanlibError(f"The {name} of a transposed convolution is at least {least}: raise it.")

    @property
    def uncut_size(self) -> int:
        """The width before the padding cuts the edges."""
        return (self.size - 1) * self.stride + self.kernel

    @property
    def output_size(self) -> int:
        """The width of the output; 0 if the padding cuts everything away."""
        return max(0, self.uncut_size - 2 * self.padding)

    def overlap_counts(self) -> Tensor:
        """Count the kernels that cover each pixel of the output, (output_size, output_size)."""
        line = torch.zeros(self.uncut_size, dtype=torch.int64)
        for start in range(0, self.size * self.stride, self.stride):
            line[start : start + self.kernel] += 1
        line = line[self.padding : self.padding + self.output_size]
        return line[:, None] * line

    def inner_counts(self) -> list[int]:
        """List the counts of pixels far from the edge, each once, in order."""
        each = [len(range(place, self.kernel, self.stride)) for place in range(self.stride)]
        return sorted({high * wide for high in each for wide in each})

    def describe(self) -> str:
        """Describe the output size and the overlap in words."""
        sum_ = f"({self.size} - 1) x {self.stride} - 2 x {self.padding} + {self.kernel}"
        if not self.output_size:
            return f"{sum_} is less than 1: the padding cuts everything away."
        counts = self.inner_counts()
        what = "even" if len(counts) == 1 else "gaps" if 0 in counts else "a checkerboard"
        covered = f"a pixel is covered {' or '.join(map(str, counts))} x: {what}"
        return f"{sum_} = {self.output_size}. Away from the edge {covered}."


def checkerboard_figure(layer: TransposedConvolution) -> Figure:
    """Draw where the kernels of one row land, and how many of them cover each pixel."""
    canvas = new_canvas(9, 3.6)
    left, right = canvas.subplots(1, 2, width_ratios=(3, 2))
    _draw_row(left, layer)
    _draw_counts(right, layer)
    shown = "Left, the kernels of one row as bars; right, how many of them cover each pixel of the output."
    return Figure.from_canvas(canvas, f"{shown} {layer.describe()}")


def _draw_row(axes: Any, layer: TransposedConvolution) -> None:
    for index in range(layer.size):
        colour, hatch = ((BLUE, ""), (ORANGE, "//"))[index % 2]
        start = index * layer.stride - layer.padding
        axes.barh(index + 1, layer.kernel, left=start, color=colour, hatch=hatch, edgecolor="white")
    for start in (-layer.padding, layer.uncut_size - 2 * layer.padding):
        axes.axvspan(start, start + layer.padding, color="#999999", alpha=0.55)
    axes.set(title="One row: where each kernel lands", xlabel="pixel of the output (grey: cut off)")
    axes.set(ylabel="number of the map", ylim=(layer.size + 0.6, 0.4), yticks=range(1, layer.size + 1))
    axes.set_xlim(-layer.padding - 0.2, layer.uncut_size - layer.padding + 0.2)
    axes.grid(axis="x", alpha=0.4)


def _draw_counts(axes: Any, layer: TransposedConvolution) -> None:
    size, counts = layer.output_size, layer.overlap_counts()
    axes.set(title=f"The output, {size} x {size}", xticks=(), yticks=())
    if not size:
        return
    axes.imshow(counts.numpy(), cmap="Blues", vmin=0, vmax=1.6 * max(1, int(counts.max())))
    for y, x in itertools.product(range(size), repeat=2) if size <= _LEGIBLE else ():
        axes.text(x, y, int(counts[y, x]), ha="center", va="center", fontsize=8)
    axes.set_xlabel("how often each pixel is covered")


class CheckerboardCalculator(Interactive):
    """Sliders for a transposed convolution, `layer`, whose output size and overlap are told and drawn."""

    def __init__(self, size: int = 4, kernel: int = 4, stride: int = 2, padding: int = 1) -> None:
        """Begin with these numbers; one that is too small or beyond its slider raises `GanlibError`."""
        self.layer = TransposedConvolution(size, kernel, stride, padding)
        self._sliders = {name: self._slider(name) for name in _LIMITS}
        self._line = tagged(widgets.HTML(), "overlap")
        self._image = widgets.Image(format="png")
        box = column(row(*self._sliders.values()), self._line, self._image)
        super().__init__(box, lambda: checkerboard_figure(self.layer), lambda: self.layer.describe())
        self._show()

    def _slider(self, name: str) -> Any:
        (least, most), value = _LIMITS[name], getattr(self.layer, name)
        if value > most:
            raise GanlibError(f"The calculator's {name} goes up to {most}: take less than {value}.")
        label = "in" if name == "size" else name
        slider = widgets.IntSlider(value=value, min=least, max=most, description=label)
        return watched(slider, f"overlap-{name}", self._moved)

    def _moved(self, _: int) -> None:
        self.layer = TransposedConvolution(**{name: one.value for name, one in self._sliders.items()})
        self._show()

    def _show(self) -> None:
        self._line.value = announced(self.layer.describe())
        self._image.value = checkerboard_figure(self.layer).data
