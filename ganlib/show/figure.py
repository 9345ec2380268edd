"""A picture with its description, shown by Jupyter and kept as a file."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ganlib.data.opening import open_picture, save_picture
from ganlib.errors import GanlibError, plain, printable
from ganlib.runtime.files import write_atomically

BLUE, ORANGE, GREEN, PINK, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"  # Okabe & Ito:
# people of every colour vision can tell them apart

_LONGEST = 4000  # letters of a text
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text in columns, one line a row; each row has as many cells."""
    rows = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encode a Pillow image; `options` are those of Pillow for this kind of file."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def new_canvas(width: float, height: float, **options: Any) -> Any:
    """Make a white figure of matplotlib, in inches, that no window and no other figure knows of."""
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height), **{"layout": "constrained", "facecolor": "white"} | options)


def described(figure: Any, alt: str) -> "Figure":
    """Turn a figure of `matplotlib.pyplot` into a picture with its alternative text, and close it."""
    from matplotlib import pyplot

    pyplot.close(figure)
    return Figure.from_canvas(figure, alt)


def render(
    template: str, package: str = "ganlib.show", filters: dict[str, Any] | None = None, **values: Any
) -> str:
    """Fill in one of the templates in the folder of a package; in HTML, values are escaped."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    loader, escape = PackageLoader(package, "."), select_autoescape()
    pages = Environment(loader=loader, autoescape=escape, trim_blocks=True)
    pages.filters |= filters or {}
    return pages.get_template(template).render(values)


@dataclass(frozen=True)
class Figure:
    """An encoded picture and its alternative text; a notebook shows it, anything else prints the text."""

    data: bytes
    alt: str
    mimetype: str = "image/png"

    def __post_init__(self) -> None:
        """Keep of the text what can be shown anywhere."""
        object.__setattr__(self, "alt", plain(self.alt, _LONGEST))

    @classmethod
    def from_image(cls, image: Image.Image, alt: str, kind: str = "PNG", **options: Any) -> "Figure":
        """Encode a Pillow image, as PNG unless another `kind` is named."""
        return cls(encode(image, kind, **options), alt, f"image/{kind.lower()}")

    @classmethod
    def from_canvas(cls, canvas: Any, alt: str, dpi: int = 100) -> "Figure":
        """Encode a figure of matplotlib as PNG."""
        from matplotlib.text import Text

        for text in canvas.findobj(Text):
            text.set_text("\n".join(map(printable, text.get_text().split("\n"))))
            if "$" in text.get_text():
                text.set_parse_math(False)  # it is a name, and no formula
        buffer = BytesIO()
        canvas.savefig(buffer, format="png", dpi=dpi)
        return cls(buffer.getvalue(), alt)

    def __repr__(self) -> str:
        """Return the alternative text."""
        return self.alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}  # image/png would keep no alternative text

    def html(self, width: int | None = None) -> str:
        """Return an `img` or `video` element that holds the data itself, `width` px wide if given."""
        source = f'src="data:{self.mimetype};base64,{b64encode(self.data).decode()}"'
        style = f'style="{"" if width is None else f"width: {width}px; "}max-width: 100%"'
        if self.mimetype.startswith("video/"):
            plays = f'aria-label="{escape(self.alt)}" controls loop muted autoplay'
            return f"<video {source} {plays} {style}></video>"
        return f'<img {source} alt="{escape(self.alt)}" {style}>'

    def image(self) -> Image.Image:
        """Return the picture as a Pillow image."""
        return open_picture(BytesIO(self.data))

    def save(self, path: str | Path) -> Path:
        """Write the picture as PNG, WebP or JPEG, depending on the ending of `path`, and return the path.

        Raises:
            GanlibError: the ending is another one, the disk is full, or the place may not be written.
        """
        path = Path(path)
        check_picture_name(path)
        write_atomically(path, lambda part: save_picture(self.image().convert("RGB"), part))
        return path


def check_picture_name(path: Path) -> None:
    """Raise `GanlibError` if a picture cannot be saved under the name `path`."""
    if path.suffix.lower() not in {".png", ".webp", ".jpg", ".jpeg"}:
        raise GanlibError(f"'{path}' names no picture format: choose PNG, WebP or JPEG (.png, .webp, .jpg).")


@dataclass(repr=False, eq=False)
class Interactive:
    """Widgets in a `box` (ipywidgets 7.7 or 8) that leave a still picture where there is no kernel.

    `still` draws what they show at the moment, `width` px wide. `told` returns the line below the still
    picture, which is all that a terminal prints; by default it is the alternative text.
    """

    box: Any
    still: Callable[[], Figure]
    told: Callable[[], str] | None = None
    width: int | None = None

    def __repr__(self) -> str:
        """Describe what is shown."""
        return plain(self.told() if self.told else self.still().alt, _LONGEST)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        told, still = repr(self), self.still().html(self.width)
        caption = escape(f"{told.rstrip('.')}. Run this cell in a notebook to change it.")
        html = f"<figure>{still}<figcaption>{caption}</figcaption></figure>"
        return {_WIDGET_VIEW: view, "text/html": html, "text/plain": told}
