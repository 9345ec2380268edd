"""The panels for files: what is saved, and what is opened."""

import mimetypes
from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO
from pathlib import Path

import ipywidgets as widgets
from PIL import Image
from torch import Tensor

from ganlib.data.dataset import read_photo, to_bytes
from ganlib.errors import GanlibError
from ganlib.latent.projection import project
from ganlib.latent.sampling import latent_from_json
from ganlib.runtime.files import expand_home
from ganlib.studio.context import StudioContext
from ganlib.studio.panels import REACH, Upload, free_path, save_film, save_grid, save_picture, save_z
from ganlib.studio.renderer import encode
from ganlib.studio.widgets import button, chooser, column, line, note, row, seconds, tick

_WIDEST = 1024
_WIDEST_FILM = 512
_FRAMES_A_SECOND = 20
_OFFSETS = tuple(REACH * k / 3 for k in range(-3, 4))
_LARGEST_LINK = 8_000_000
_LARGEST_FILE = 200_000_000
_THUMBNAIL = "112px"
_USUAL_SECONDS = 4.0
_MOST_SECONDS = 30.0
_STOPS = [("from A to B", "A to B"), ("through the favourites", "favourites")]
_SMALL = 128
_SEARCH = (4, 200)  # starts and steps: some seconds on a CPU
_SHORT_SEARCH = (2, 60)  # a minute or two, for large pictures


class SavePanel:
    """Buttons that write the picture, its z, a grid, or a film."""

    title = "Save"

    def __init__(self, context: StudioContext) -> None:
        """Into the run folder, or a folder `studio` here, unless told."""
        self._context = context
        size = context.renderer.recipe.size
        scales = [(f"{size * k} px", k) for k in (1, 2, 4, 8) if size * k <= _WIDEST]
        self.folder = line("Folder", "folder", str(context.renderer.folder))
        self.scale = chooser("Size", "scale", scales)
        self.scale.value = scales[min(2, len(scales) - 1)][1]
        self.what = chooser("Grid of", "grid-of", ["directions", "favourites"])
        self.stops = chooser("Film", "stops", _STOPS)
        self.seconds = seconds("Seconds", "seconds", _USUAL_SECONDS, _MOST_SECONDS)
        self.loop = tick("and back", "loop")
        self.link = widgets.HTML()
        self.link.add_class("ganlib-link")
        self.box = self._arranged()

    def _arranged(self) -> widgets.Box:
        def saver(text: str, handle: str, save: Callable[[], str]) -> widgets.Button:
            return button(text, handle, lambda: self._context.act(save))

        return column(
            row(self.folder),
            row(
                self.scale,
                saver("Save picture", "save-picture", self._save_picture),
                saver("Save z", "save-z", self._save_z),
            ),
            row(self.what, saver("Save grid", "save-grid", self._save_grid)),
            row(self.stops, self.seconds, self.loop),
            row(
                saver("Save GIF", "save-gif", lambda: self._save_film(".gif")),
                saver("Save MP4", "save-mp4", lambda: self._save_film(".mp4")),
            ),
            self.link,
        )

    def show(self) -> None:
        """Nothing here depends on the state."""

    def _save_picture(self) -> str:
        state = self._context.state
        words = state.describe()
        return self._saved(
            save_picture(self._context.renderer, state.z, self.scale.value, self._folder(), words)
        )

    def _save_z(self) -> str:
        state = self._context.state
        return self._saved(save_z(self._context.renderer, state.z, self._folder(), state.describe()))

    def _save_grid(self) -> str:
        context = self._context
        z, columns, words = self._grid()
        path = free_path(self._folder(), words, ".png")
        with context.working("Painting …", len(z)) as watch:
            return self._saved(save_grid(context.renderer, z, columns, path, watch))

    def _grid(self) -> tuple[Tensor, int | None, str]:
        """What is painted, in how many columns, and how it is called."""
        state = self._context.state
        if self.what.value == "favourites":
            return state.pinned(), None, "favourites"
        return state.along_directions(_OFFSETS), len(_OFFSETS), f"directions {state.describe()}"

    def _save_film(self, ending: str) -> str:
        context = self._context
        length = self.seconds.value
        z = context.state.path(self.stops.value, round(length * _FRAMES_A_SECOND), closed=self.loop.value)
        scale = max(1, min(self.scale.value, _WIDEST_FILM // context.renderer.recipe.size))
        path = free_path(self._folder(), self.stops.value, ending)
        with context.working("Painting …", len(z)) as watch:
            return self._saved(save_film(context.renderer, z, scale, path, length, watch))

    def _folder(self) -> Path:
        return expand_home(self.folder.value.strip() or self._context.renderer.folder)

    def _saved(self, path: Path) -> str:
        self.link.value = _link(path)
        return f"Saved as {path}."


class OpenPanel:
    """A z that was saved opens its picture again; a photo is projected."""

    title = "Open"

    def __init__(self, context: StudioContext) -> None:
        """Nothing is opened yet."""
        self._context = context
        self.upload = Upload("Choose a file", "image/*,.json", self._receive)
        self.upload.widget.add_class("ganlib-upload")
        self.path = line("or its path", "path", hint="photo.jpg or seed-7.json, on the kernel's machine")
        self.photo = widgets.Image(format="png", layout=widgets.Layout(width=_THUMBNAIL, display="none"))
        self.photo.add_class("ganlib-photo")
        self.box = column(
            note(
                "A z that was saved here opens its picture, to the bit. A photo, of any format and size, is "
                "projected: the nearest picture that this generator paints is searched for. Of a file over "
                "10 MB, give the path."
            ),
            row(
                self.upload.widget,
                self.path,
                button("Open", "open", lambda: context.act(self._open_path)),
            ),
            self.photo,
        )

    def show(self) -> None:
        """Nothing here depends on the state."""

    def _receive(self, name: str, content: bytes) -> None:
        self._context.act(lambda: self._open(name, content))

    def _open_path(self) -> str:
        path = expand_home(self.path.value.strip())
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise GanlibError(f"'{path}' is too large: choose a photo, or a z that was saved here.")
            return self._open(path.name, path.read_bytes())
        except OSError as error:
            raise GanlibError(f"'{path}' cannot be read ({error.strerror or error}).") from error

    def _open(self, name: str, content: bytes) -> str:
        if name.lower().endswith(".json"):
            z = latent_from_json(content, self._context.renderer.generator, f"'{name}'")
            self._context.state.go_to(z, name)
            return f"Opened {name}."
        return self._project(name, content)

    def _project(self, name: str, content: bytes) -> str:
        renderer = self._context.renderer
        picture = read_photo(BytesIO(content), renderer.recipe.size)
        self.photo.value = encode(Image.fromarray(to_bytes(picture[None])[0].numpy()))
        self.photo.layout.display = ""
        starts, steps = _SEARCH if renderer.recipe.size <= _SMALL else _SHORT_SEARCH
        with self._context.working("Searching for the nearest picture …", steps) as watch:
            found = project(
                renderer.generator, picture, starts=starts, steps=steps, shown=False, on_step=watch
            )
        self._context.state.go_to(found.z, f"projection of {name}")
        return str(found)


def _link(path: Path) -> str:
    """A link that downloads the file: the kernel may run on another machine."""
    content = path.read_bytes()
    if len(content) > _LARGEST_LINK:
        return ""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    data = b64encode(content).decode()
    name = escape(path.name)
    return f'<a download="{name}" href="data:{kind};base64,{data}">Download {name}</a>'
