"""The panels for files: what is saved, and what is opened."""

import mimetypes
import re
from base64 import b64encode
from functools import partial
from html import escape
from io import BytesIO
from pathlib import Path

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.data.dataset import read_photo
from ganlib.data.decode import MIDDLE, CropPosition
from ganlib.errors import GanlibError, plain
from ganlib.latent.projection import project
from ganlib.latent.sampling import LARGEST_LATENT, latent_from_json, save_latent
from ganlib.runtime.files import expand_home, make_folder, read_bytes
from ganlib.show.figure import Figure
from ganlib.show.film import check_film
from ganlib.show.grids import grid, square, to_image
from ganlib.studio.context import Panel
from ganlib.studio.directions import REACH
from ganlib.studio.widgets import (
    BoundSlider,
    Debounce,
    Limits,
    chooser,
    column,
    control,
    line,
    note,
    row,
    tagged,
    uploader,
)

_WIDEST, _WIDEST_FILM, _WIDEST_GRID = 1024, 512, 4096  # px
_OFFSETS = tuple(REACH * k / 3 for k in range(-3, 4))
_STOPS = [("from A to B", "A to B"), ("through the favourites", "favourites")]
_AT_ONCE = 8
_LARGEST_LINK, _LARGEST_FILE = 8_000_000, 200_000_000  # bytes
_SMALL = 128
_MOVING = 0.05  # seconds in which the moves of a crop are gathered: to read a large photo takes as long
_SEARCH, _SHORT_SEARCH = (4, 200), (2, 60)  # starts and steps: some seconds on a CPU, or a minute or two


class SavePanel(Panel):
    """Buttons that write the picture, its z, a grid, or a film."""

    title = "Save"

    def _build(self) -> widgets.Box:
        size = self._renderer.recipe.shape
        scales = [(f"{size.times(k)} px", k) for k in (1, 2, 4, 8) if max(size) * k <= _WIDEST]
        folder = str(self._renderer.folder)  # a name that is no text cannot be sent to a browser
        self.folder = line("Folder", "folder", folder if folder.isprintable() else "", plain(folder))
        self.scale = chooser("Size", "scale", scales)
        self.scale.value = scales[min(2, len(scales) - 1)][1]
        self.what = chooser("Grid of", "grid-of", ["directions", "favourites"])
        self.stops = chooser("Film", "stops", _STOPS)
        limits = {"value": 4.0, "min": 0.5, "max": 30.0}
        self.seconds = control(widgets.BoundedFloatText, "Seconds", "seconds", {"width": "128px"}, **limits)
        self.loop = control(widgets.Checkbox, "and back", "loop", {"width": "auto"}, value=True, indent=False)
        self.link = tagged(widgets.HTML(), "link")
        picture = self._button("Save picture", "save-picture", self._save_picture)
        gif = self._button("Save GIF", "save-gif", partial(self._save_film, ".gif"))
        return column(
            row(self.folder),
            row(self.scale, picture, self._button("Save z", "save-z", self._save_z)),
            row(self.what, self._button("Save grid", "save-grid", self._save_grid)),
            row(self.stops, self.seconds, self.loop),
            row(gif, self._button("Save MP4", "save-mp4", partial(self._save_film, ".mp4"))),
            self.link,
        )

    def _save_picture(self) -> str:
        words = self._state.describe()
        path = self._new_file(words, ".png")
        picture = self._renderer.generate(self._state.z[None])[0]
        image = to_image(picture, self.scale.value, smooth=self._context.smooth)
        return self._saved(Figure.from_image(image, words).save(path))

    def _save_z(self) -> str:
        path = self._new_file(self._state.describe(), ".json")
        return self._saved(save_latent(self._state.z, self._renderer.generator, self._renderer.recipe, path))

    def _save_grid(self) -> str:
        if self.what.value == "favourites":
            z, words = self._state.pinned(), "favourites"
            columns = square(len(z))
        else:
            z, columns = self._state.along(self._state.shown, _OFFSETS), len(_OFFSETS)
            words = f"directions {self._state.describe()}"
        path = self._new_file(words, ".png")
        with self._context.generating(len(z)) as shown:
            parts = map(self._renderer.generate, z.split(_AT_ONCE))
            pictures = torch.stack([*shown(picture for part in parts for picture in part)])
        scale = self._scale(_WIDEST_GRID // max(columns, -(-len(z) // columns)))
        sheet = grid(pictures, columns=columns, scale=scale, smooth=self._context.smooth)
        return self._saved(sheet.save(path))

    def _save_film(self, ending: str) -> str:
        seconds, stops = self.seconds.value, self.stops.value
        check_film(Path(f"film{ending}"), seconds)  # before it is multiplied
        z = self._state.path(stops, round(20 * seconds), closed=self.loop.value)
        path = self._new_file(stops, ending)
        self._context.film(z, path, seconds, self._scale(_WIDEST_FILM) * self._renderer.recipe.shape.width)
        return self._saved(path)

    def _scale(self, widest: int) -> int:
        """How many times a picture is enlarged that is to be `widest` px on a side at the most."""
        return max(1, min(self.scale.value, widest // max(self._renderer.recipe.shape)))

    def _new_file(self, words: str, ending: str) -> Path:
        typed = self.folder.value.replace("\0", "").strip()
        return new_file(expand_home(typed or self._renderer.folder), words, ending)

    def _saved(self, path: Path) -> str:
        self.link.value = linked(path)
        return f"Saved as {path}."


def new_file(folder: Path, words: str, ending: str) -> Path:
    """Make the folder, and return a path in it, named by the `words`, where there is no file yet."""
    make_folder(folder)
    stem = re.sub(r"[^a-z0-9.+-]+", "-", words.lower()).strip("-.")[:60] or "picture"
    path, number = folder / f"{stem}{ending}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{ending}", number + 1
    return path


def linked(path: Path) -> str:
    """Return a link that downloads the file: the kernel may run on another machine."""
    content = path.read_bytes()
    if len(content) > _LARGEST_LINK:
        return ""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    data, name = b64encode(content).decode(), escape(path.name)
    return f'<a download="{name}" href="data:{kind};base64,{data}">Download {name}</a>'


class OpenPanel(Panel):
    """A z that was saved opens its picture again; names and favourites are added; a photo is projected."""

    title = "Open"

    def _build(self) -> widgets.Box:
        self._name, self._photo = "", b""
        self._place = self._shown = MIDDLE
        self._show_soon = Debounce(lambda: self._context.act(self._show_crop), _MOVING)
        self.upload = uploader("Choose a file", "upload", "image/*,.json", self.receive)
        self.path = line("or its path", "path", hint="photo.jpg or seed-7.json, on the kernel's machine")
        self.pair = tagged(widgets.HTML(), "pair")
        help_ = note(
            "A z that was saved here opens its picture, to the bit; a file of names and favourites "
            "(.studio.json) adds them to yours. A photo, of any format and size, is cropped and "
            "projected: the studio searches for the nearest picture that this generator can make. For a "
            "file over 10 MB, give its path."
        )
        open_ = self._button("Open", "open", self._open_path)
        self.crop = self._cropping()
        return column(help_, row(self.upload, self.path, open_), self.crop, self.pair)

    def _cropping(self) -> widgets.Box:
        """The sliders that move the crop of a photo, and the button that begins the search."""
        ends = {"across": (0.0, 1.0), "down": (0.0, 1.0), "zoom": (1.0, 3.0)}
        self.sliders = [self._crop_slider(name, limits) for name, limits in ends.items()]
        help_ = note("Move the crop: across in a wide photo, down in a tall one, both when zoomed in.")
        start = row(self._button("Project", "project", self._project))
        box = tagged(column(help_, *(slider.widget for slider in self.sliders), start), "crop")
        box.layout.display = "none"
        return box

    def show(self) -> None:
        """Show where the crop lies."""
        for slider in self.sliders:
            slider.show()

    def _crop_slider(self, name: str, limits: Limits) -> BoundSlider:
        def move(value: float) -> None:
            self._place = self._place._replace(**{name: value})
            self._show_soon()

        def read() -> float:
            return float(getattr(self._place, name))

        return BoundSlider(name.title(), f"crop-{name}", limits, 0.05, read, move)

    def receive(self, name: str, content: bytes) -> None:
        """Open a file that was uploaded."""
        self._context.act(lambda: self._open(name, content))

    def _open_path(self) -> str:
        path = expand_home(self.path.value.strip())
        return self._open(path.name, read_bytes(path, _LARGEST_FILE))

    def _open(self, name: str, content: bytes) -> str:
        if name.lower().endswith(".json") and b'"favourites"' in content:
            return self._context.take_notes(content, name)
        is_latent = name.lower().endswith(".json")
        if len(content) > (LARGEST_LATENT if is_latent else _LARGEST_FILE):
            raise GanlibError(f"'{name}' is too large: choose a photo, or a z that was saved here.")
        if is_latent:
            self._state.go_to(latent_from_json(content, self._renderer.generator, f"'{name}'"), name)
            return f"Opened {name}."
        return self._choose(name, content)

    def _choose(self, name: str, content: bytes) -> str:
        """Show the middle of a photo, for a crop to be chosen."""
        self.pair.value = _side_by_side(("The photo", self._cropped(content, MIDDLE)))
        self._name, self._photo = name, content
        self._place = self._shown = MIDDLE
        self.crop.layout.display = ""
        return f"Opened {name}: move the crop if you like, then press Project."

    def _cropped(self, photo: bytes, place: CropPosition) -> Tensor:
        return read_photo(BytesIO(photo), self._renderer.recipe.shape, place=place)

    def _show_crop(self) -> None:
        if self._shown != self._place:  # a search has not begun since
            self._shown = self._place
            self.pair.value = _side_by_side(("The photo", self._cropped(self._photo, self._place)))

    def _project(self) -> str:
        generator, photo = self._renderer.generator, self._cropped(self._photo, self._place)
        self._shown = self._place
        starts, steps = _SEARCH if max(photo.shape[1:]) <= _SMALL else _SHORT_SEARCH
        with self._context.working("Searching for the nearest picture …", steps) as progress:
            found = project(generator, photo, starts=starts, steps=steps, shown=False, on_step=progress)
        words = (
            f"A pixel is off by {found.error:.0f} of 255 steps, where random pictures are off by "
            f"{found.typical:.0f}."
        )
        pictures = ("The photo", photo), ("The nearest picture", found.picture)
        self.pair.value = f"{_side_by_side(*pictures)}<p>{words}</p>"
        self._state.go_to(found.z, f"projection of {self._name}")
        return words


def _side_by_side(*pictures: tuple[str, Tensor]) -> str:
    """Show pictures (3, H, W) in [-1, 1] at one size, each above its name."""
    shown = (
        f"<figure>{Figure.from_image(to_image(picture), name).html()}<figcaption>{name}</figcaption></figure>"
        for name, picture in pictures
    )
    return f"<div>{''.join(shown)}</div>"
