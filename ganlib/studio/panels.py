"""The button that uploads a file: ipywidgets 7 and 8 keep what it received in different ways."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.sampling import save_latent
from ganlib.runtime.files import make_folder
from ganlib.show.figure import Figure
from ganlib.show.film import check_film, film
from ganlib.show.grids import enlarge, grid
from ganlib.studio.context import StudioContext
from ganlib.studio.renderer import Renderer, encode
from ganlib.studio.state import LatentPoint
from ganlib.studio.widgets import (
    BoundSlider,
    Debounce,
    Tiles,
    button,
    chooser,
    column,
    line,
    note,
    row,
    watched,
)

_LARGEST_SEED = 2**53 - 1  # the largest whole number that a browser knows
_NEW_SEEDS = 1_000_000  # short enough to be told to a friend
_MOST_TRUNCATION = 1.5
_LISTED = 20
_LABELS = "80px"


class Seeds:
    """A box for the seed with buttons around it, a history, and a slider for truncation."""

    def __init__(self, context: StudioContext, random: Random) -> None:
        """`random` draws new seeds."""
        self._context = context
        self._random = random
        state = context.state
        self.seed = watched(_number(), "seed", lambda seed: context.act(lambda: state.go_to_seed(seed)))
        self.history = chooser("History", "history", [], self._revisit)
        self.truncation = BoundSlider(
            "Truncation",
            "truncation",
            (0.0, _MOST_TRUNCATION),
            0.05,
            lambda: state.place.truncation,
            lambda amount: context.act(lambda: state.truncate(amount)),
        )
        for widget in (self.seed, self.history, self.truncation.widget):
            widget.style.description_width = _LABELS
        self.box = self._arranged()

    def _arranged(self) -> widgets.Box:
        context, state = self._context, self._context.state
        return column(
            row(
                self.seed,
                button("Previous", "previous", lambda: self._step(-1)),
                button("Next", "next", lambda: self._step(1)),
                button("New", "new", lambda: context.act(lambda: state.go_to_seed(self._drawn()))),
            ),
            row(
                self.history,
                button("Back", "back", lambda: context.act(state.go_back)),
                button("Reset all", "reset", lambda: context.act(state.reset)),
            ),
            self.truncation.widget,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        state = self._context.state
        self.seed.value = min(state.place.seed, _LARGEST_SEED)
        self.truncation.show()
        before = state.history[: -_LISTED - 1 : -1]
        options = [("now", 0), *((place.describe(state.names), k + 1) for k, place in enumerate(before))]
        if self.history.options != tuple(options):
            self.history.options = options
        self.history.value = 0

    def _step(self, by: int) -> None:
        state = self._context.state
        self._context.act(lambda: state.go_to_seed(state.place.seed + by))

    def _drawn(self) -> int:
        return self._random.randrange(_NEW_SEEDS)

    def _revisit(self, steps: int) -> None:
        if steps:
            self._context.act(lambda: self._context.state.revisit(steps))


def _number() -> widgets.BoundedIntText:
    return widgets.BoundedIntText(
        description="Seed", min=0, max=_LARGEST_SEED, layout=widgets.Layout(width="176px")
    )


REACH = 5.0  # steps along a direction, to either side; a step is what z spreads by
_FURTHEST = 4.0
_ON_A_PAGE = 20
_DIGITS = 2  # of a coordinate that is shown; its own are kept


class DirectionsPanel:
    """Sliders for the strongest directions, which can be given names."""

    title = "Directions"

    def __init__(self, context: StudioContext) -> None:
        """One slider for each."""
        self._context = context
        state = context.state
        self.dials = [self._dial(k) for k in range(len(state.directions))]
        self.which = chooser("Name of", "direction-choice", self._options())
        self.name = line("", "direction-name", hint="such as smile")
        self.box = column(
            *(dial.widget for dial in self.dials),
            row(button("Reset directions", "reset-directions", lambda: context.act(self._reset))),
            row(self.which, self.name, button("Name it", "name-it", lambda: context.act(self._rename))),
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        state = self._context.state
        for dial, name in zip(self.dials, state.names, strict=True):
            dial.widget.description = name
            dial.show()
        if self.which.options != tuple(self._options()):
            chosen = self.which.value
            self.which.options = self._options()
            self.which.value = chosen

    def _dial(self, k: int) -> BoundSlider:
        context = self._context
        return BoundSlider(
            context.state.names[k],
            f"direction-{k + 1}",
            (-REACH, REACH),
            0.1,
            lambda: context.state.place.offsets[k].item(),
            lambda offset: context.act(lambda: context.state.move(k, offset)),
        )

    def _options(self) -> list[tuple[str, int]]:
        return [(name, k) for k, name in enumerate(self._context.state.names)]

    def _reset(self) -> None:
        self._context.state.undo(moves=True)

    def _rename(self) -> str:
        self._context.state.rename(self.which.value, self.name.value)
        self._context.keep_notes()
        self.name.value = ""
        return f"Named, and kept in {self._context.renderer.notes_file}."


class CoordinatesPanel:
    """A slider for each coordinate of the point, a page of them at a time."""

    title = "Coordinates"

    def __init__(self, context: StudioContext) -> None:
        """The first page."""
        self._context = context
        self.page = 0
        self._pages = -(-context.state.latent_dim // _ON_A_PAGE)
        self.dials = [self._dial(k) for k in range(min(_ON_A_PAGE, context.state.latent_dim))]
        columns = widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(240px, 1fr))")
        grid = widgets.GridBox([dial.widget for dial in self.dials], layout=columns)
        self.where = widgets.Label()
        self.where.add_class("ganlib-page")
        self.box = column(
            row(
                button("Previous page", "page-previous", lambda: self._turn(-1)),
                self.where,
                button("Next page", "page-next", lambda: self._turn(1)),
                button("Reset coordinates", "reset-coordinates", lambda: context.act(self._reset)),
            ),
            grid,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        count = self._context.state.latent_dim
        first = self.page * _ON_A_PAGE
        last = min(first + _ON_A_PAGE, count)
        self.where.value = f"{first + 1} to {last} of {count}"
        for k, dial in enumerate(self.dials, first):
            dial.widget.layout.display = "" if k < last else "none"
            dial.widget.description = f"z {k + 1}"
            dial.show()

    def _dial(self, row_: int) -> BoundSlider:
        context = self._context
        dial = BoundSlider(
            f"z {row_ + 1}",
            f"coordinate-{row_ + 1}",
            (-_FURTHEST, _FURTHEST),
            10**-_DIGITS,
            lambda: self._shown(row_),
            lambda value: context.act(lambda: context.state.edit(self._coordinate(row_), value)),
        )
        dial.widget.style.description_width = "48px"
        dial.widget.readout_format = "+.2f"
        return dial

    def _coordinate(self, row_: int) -> int:
        """Which coordinate a row of the page stands for; the last, where a page is not full."""
        return min(self.page * _ON_A_PAGE + row_, self._context.state.latent_dim - 1)

    def _shown(self, row_: int) -> float:
        return round(self._context.state.point[self._coordinate(row_)].item(), _DIGITS)

    def _turn(self, by: int) -> None:
        self.page = (self.page + by) % self._pages
        self._context.act(lambda: None)

    def _reset(self) -> None:
        self._context.state.undo(edits=True)


_SIDE = 3
_COUNT = _SIDE * _SIDE
_MIDDLE = _COUNT // 2
_AFTER_A_MOVE = 0.3  # seconds: the large picture comes first
_DISTANCE = 0.5
_FARTHEST_NEIGHBOUR = 1.5
_FAVOURITES_IN_A_ROW = 4


class NeighboursPanel:
    """The present picture in the middle, and eight around it; a click goes there."""

    title = "Neighbours"

    def __init__(self, context: StudioContext) -> None:
        """Nothing is painted before the panel is open."""
        self._context = context
        self._round = 0
        self._drawn: tuple[LatentPoint, float, int] | None = None
        self._points = torch.empty(0)
        self._later = Debounce(self._draw, _AFTER_A_MOVE)
        self.tiles = Tiles("neighbour", _SIDE, self._go)
        self._distance = _DISTANCE
        self.distance = BoundSlider(
            "Distance",
            "distance",
            (0.0, _FARTHEST_NEIGHBOUR),
            0.05,
            lambda: self._distance,
            lambda distance: context.act(lambda: self._spread(distance)),
        )
        self.box = column(
            note("Pictures near the one in the middle: click one to go there."),
            self.tiles.box,
            self.distance.widget,
            row(button("Other neighbours", "more", lambda: context.act(self._turn))),
        )

    def show(self) -> None:
        """Paint them soon, if they are others than before."""
        self.distance.show()
        if self._drawn != self._wanted():
            self._later.ask()

    def _wanted(self) -> tuple[LatentPoint, float, int]:
        return self._context.state.place, self._distance, self._round

    def _draw(self) -> None:
        self._drawn = self._wanted()
        state = self._context.state
        around = state.neighbours(_COUNT - 1, self._distance, self._round)
        self._points = torch.cat([around[:_MIDDLE], state.point[None], around[_MIDDLE:]])
        texts = [f"neighbour {k + 1}" for k in range(_COUNT)]
        texts[_MIDDLE] = "here"
        self.tiles.show(self._context.renderer.thumbnails(state.painted(self._points), _SIDE), texts)

    def _go(self, place: int) -> None:
        if place != _MIDDLE:
            self._context.act(lambda: self._go_near(self._points[place]))

    def _go_near(self, point: Tensor) -> None:
        present = self._context.state.place
        self._context.state.go_to(point, f"near {present.name.removeprefix('near ')}", present.truncation)

    def _spread(self, distance: float) -> None:
        if not 0 <= distance <= _FARTHEST_NEIGHBOUR:
            raise GanlibError(f"Neighbours are 0 to {_FARTHEST_NEIGHBOUR} away, not {distance}.")
        self._distance = distance

    def _turn(self) -> None:
        self._round += 1


class FavouritesPanel:
    """The pictures that were pinned; a click goes there."""

    title = "Favourites"

    def __init__(self, context: StudioContext) -> None:
        """Nothing is painted before the panel is open."""
        self._context = context
        self._drawn: list[Tensor] = []
        self.tiles = Tiles("favourite", _FAVOURITES_IN_A_ROW, self._go)
        self.box = column(
            note("Pin what is shown, and find it here the next time, too. Click one to go there."),
            row(
                button("Pin this picture", "pin", lambda: context.act(self._pin)),
                button("Unpin this picture", "unpin", lambda: context.act(self._unpin)),
            ),
            self.tiles.box,
        )
        self.tiles.box.layout.display = "none"

    def show(self) -> None:
        """Paint them, if they are others than before."""
        pinned = self._context.state.favourites
        if [*map(id, self._drawn)] == [*map(id, pinned)]:
            return
        self._drawn = list(pinned)
        texts = [f"favourite {k + 1}" for k in range(len(pinned))]
        sheet = (
            self._context.renderer.thumbnails(torch.stack(pinned), _FAVOURITES_IN_A_ROW) if pinned else b""
        )
        self.tiles.show(sheet, texts)

    def _go(self, place: int) -> None:
        state = self._context.state
        self._context.act(lambda: state.go_to(state.favourites[place], f"favourite {place + 1}"))

    def _pin(self) -> str:
        self._context.state.pin()
        return self._kept("Pinned")

    def _unpin(self) -> str:
        self._context.state.unpin()
        return self._kept("Unpinned")

    def _kept(self, what: str) -> str:
        self._context.keep_notes()
        return f"{what}; kept in {self._context.renderer.notes_file}."


_THUMBNAIL = "112px"


class BetweenPanel:
    """Two pictures that were kept, and a slider from the one to the other."""

    title = "A to B"

    def __init__(self, context: StudioContext) -> None:
        """Both slots are empty."""
        self._context = context
        self._last_share = 0.0
        self.pictures = {slot: _picture(slot) for slot in "AB"}
        self.share = BoundSlider(
            "From A to B",
            "between",
            (0.0, 1.0),
            0.01,
            self._share,
            lambda share: context.act(lambda: context.state.go_between(share)),
        )
        slots = [
            column(self.pictures[slot], button(f"Keep as {slot}", f"keep-{slot.lower()}", self._keeper(slot)))
            for slot in "AB"
        ]
        self.box = column(
            note(
                "Keep what is shown as A, go elsewhere and keep that as B; the slider takes the arc between."
            ),
            row(*slots),
            self.share.widget,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        self.share.show()

    def _share(self) -> float:
        """How far it is from A to B; where one is elsewhere now, how far one was last."""
        present = self._context.state.place.share
        self._last_share = self._last_share if present is None else present
        return self._last_share

    def _keeper(self, slot: str) -> Callable[[], None]:
        return lambda: self._context.act(lambda: self._keep(slot))

    def _keep(self, slot: str) -> None:
        context = self._context
        context.state.keep(slot)
        self.pictures[slot].value = context.renderer.thumbnails(context.state.z[None], 1)


def _picture(slot: str) -> widgets.Image:
    empty = encode(Image.new("RGB", (1, 1), "grey"))
    made = widgets.Image(
        value=empty, format="png", layout=widgets.Layout(width=_THUMBNAIL, height=_THUMBNAIL)
    )
    made.add_class(f"ganlib-slot-{slot.lower()}")
    made.add_class("ganlib-slot")
    return made


_AT_ONCE = 8
_LONGEST_STEM = 60


def free_path(folder: Path, words: str, ending: str) -> Path:
    """A file in `folder`, named by the `words`, that is not there yet."""
    stem = re.sub(r"[^a-z0-9.+-]+", "-", words.lower()).strip("-.")[:_LONGEST_STEM] or "picture"
    path, number = folder / f"{stem}{ending}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{ending}", number + 1
    return path


def save_picture(renderer: Renderer, z: Tensor, scale: int, folder: Path, words: str) -> Path:
    """Paint one z, (latent_dim,), so many times as wide as it is, as PNG, and return the path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    picture = Image.fromarray(enlarge(renderer.generate(z[None]), scale, smooth=True)[0].numpy())
    return Figure.from_image(picture, words).save(free_path(folder, words, ".png"))


def save_z(renderer: Renderer, z: Tensor, folder: Path, words: str) -> Path:
    """Write one z, (latent_dim,), to the bit, and return the path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    return save_latent(z, renderer.generator, renderer.recipe, free_path(folder, words, ".json"))


def save_grid(
    renderer: Renderer, z: Tensor, columns: int | None, path: Path, watch: Callable[[int], None]
) -> Path:
    """Paint z, (N, latent_dim), side by side as PNG, and return the path; `watch` is told how many are done.

    Raises:
        GanlibError: the grid would be too large, the disk is full or the folder may not be written.
    """
    make_folder(path.parent)
    pictures = []
    for part in z.split(_AT_ONCE):
        pictures.append(renderer.generate(part))
        watch(sum(map(len, pictures)))
    return grid(torch.cat(pictures), columns=columns).save(path)


def save_film(
    renderer: Renderer, z: Tensor, scale: int, path: Path, seconds: float, watch: Callable[[int], None]
) -> Path:
    """Write the pictures of z, (N, latent_dim), as a GIF or MP4, and return the path.

    Raises:
        GanlibError: the length is out of range, the disk is full or the folder may not be written.
    """
    check_film(path, seconds, len(z))
    make_folder(path.parent)
    frames: list[NDArray[np.uint8]] = []
    for part in z.split(_AT_ONCE):
        frames += list(enlarge(renderer.generate(part), scale, smooth=True).numpy())
        watch(len(frames))
    film(frames, path, seconds, alt=f"A film of {len(frames)} pictures.")
    return path


class Upload:
    """A button; what a person chooses with it is handed to `receive` as a name and bytes."""

    def __init__(self, text: str, accept: str, receive: Callable[[str, bytes], None]) -> None:
        """`text` stands on the button; `accept` says which files the browser offers."""
        self.widget = widgets.FileUpload(
            description=text, accept=accept, multiple=False, layout=widgets.Layout(width="auto")
        )
        self._receive = receive
        self.widget.observe(self._on_value, "value")

    def _on_value(self, change: dict[str, Any]) -> None:
        files = received(change["new"])
        if files:
            _clear(self.widget)  # else the same file could not be chosen again
            self._receive(*files[0])


def received(value: Any) -> list[tuple[str, bytes]]:
    """The names and contents in the value of a `FileUpload`."""
    if isinstance(value, dict):  # ipywidgets 7
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def _clear(widget: Any) -> None:
    if isinstance(widget.value, dict):
        widget.metadata, widget.data, widget._counter = [], [], 0
    else:
        widget.value = ()
