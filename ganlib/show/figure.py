"""A picture with its description, shown by Jupyter and kept as a file."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ganlib.errors import GanlibError
from ganlib.runtime.files import write_atomically


def table(rows: Sequence[Sequence[str]]) -> str:
    """A line for each row, its cells below those of the row before; all rows have as many."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


_ENDINGS = {".png", ".webp", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class Figure:
    """An encoded picture and its alternative text; a notebook shows it, anything else prints the text."""

    data: bytes
    alt: str
    mimetype: str = "image/png"

    @classmethod
    def from_image(cls, image: Image.Image, alt: str) -> "Figure":
        """Encode a Pillow image as PNG."""
        buffer = BytesIO()
        image.save(buffer, "PNG")
        return cls(buffer.getvalue(), alt)

    @classmethod
    def from_canvas(cls, canvas: Any, alt: str, dpi: int = 100) -> "Figure":
        """Encode a figure of matplotlib as PNG."""
        buffer = BytesIO()
        canvas.savefig(buffer, format="png", dpi=dpi)
        return cls(buffer.getvalue(), alt)

    def __repr__(self) -> str:
        """The alternative text."""
        return self.alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {
            "text/html": self.html(),
            "text/plain": self.alt,
        }  # HTML, because image/png keeps no alternative text

    def html(self, width: int | None = None) -> str:
        """An `img` or `video` element that holds the picture or film itself, `width` px wide if given."""
        source = f"data:{self.mimetype};base64,{b64encode(self.data).decode()}"
        style = "max-width: 100%" if width is None else f"width: {width}px; max-width: 100%"
        if self.mimetype.startswith("video/"):
            return (
                f'<video src="{source}" aria-label="{escape(self.alt)}" controls loop muted autoplay '
                f'style="{style}"></video>'
            )
        return f'<img src="{source}" alt="{escape(self.alt)}" style="{style}">'

    def image(self) -> Image.Image:
        """The picture as a Pillow image."""
        return Image.open(BytesIO(self.data))

    def save(self, path: str | Path) -> Path:
        """Write the picture as PNG, WebP or JPEG, by the name's ending, and return the path.

        Raises:
            GanlibError: the ending is another, the disk is full, or the place may not be written.
        """
        path = Path(path)
        check_picture_name(path)
        write_atomically(path, lambda part: self.image().convert("RGB").save(part))
        return path


def check_picture_name(path: Path) -> None:
    """Raise `GanlibError` if no picture may be called `path`."""
    if path.suffix.lower() not in _ENDINGS:
        raise GanlibError(
            f"'{path}' names no picture format: end it in .png, .webp or .jpg (PNG, WebP or JPEG)."
        )


_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def widgets_or_still(
    box: Any, figure: Figure, told: str, *, invitation: str = "there are sliders", width: int | None = None
) -> dict[str, Any]:
    """What `_repr_mimebundle_` returns: the widgets in `box`, and `figure` for pages that cannot show them.

    `told` is the line below the picture, and all that a terminal prints; `width` is in px.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    caption = escape(f"{told.rstrip('.')}. Run this cell in a notebook, and {invitation}.")
    html = f"<figure>{figure.html(width)}<figcaption>{caption}</figcaption></figure>"
    return {_WIDGET_VIEW: view, "text/html": html, "text/plain": told}


class Interactive:
    """Widgets of your own, `box`, that leave a still picture behind where there is no kernel."""

    def __init__(self, box: Any, still: Callable[[], Figure]) -> None:
        """`still` draws what the widgets show at the moment."""
        self.box = box
        self._still = still

    def __repr__(self) -> str:
        """What is shown, in words."""
        return self._still().alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        figure = self._still()
        return widgets_or_still(self.box, figure, figure.alt)
