"""The picture that a notebook opens with: what its cell tagged `cover` shows."""

import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import nbformat
from PIL import Image, ImageSequence

from ganlib.data.opening import open_picture
from ganlib.errors import GanlibError
from ganlib.runtime.files import write_atomically

TAG = "cover"
_WIDEST = 900  # px
_QUALITY = 85
_LARGEST_FILM = 400_000  # bytes
_SHOWN = re.compile(r'src="data:((?:image|video)/[\w+.-]+);base64,([^"]+)"')
_FRAME = 100  # milliseconds of a frame that does not say how long it is shown


def write_cover(page: nbformat.NotebookNode, path: Path) -> None:
    """Write the picture of an executed notebook as WebP, at most 900 px wide; small films go on moving.

    Raises:
        GanlibError: no cell, or more than one, has the tag, or it shows no picture.
    """
    kind, data = _shown(page)
    frames, times = _frames_of_video(data) if kind.startswith("video/") else _frames_of_image(data)
    encoded = _encoded([_narrowed(frame) for frame in frames], times)
    write_atomically(path, lambda part: part.write_bytes(encoded))


def _shown(page: nbformat.NotebookNode) -> tuple[str, bytes]:
    cells = [cell for cell in page.cells if TAG in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise GanlibError(
            f"{len(cells)} cells have the tag '{TAG}': give it to the one with the best picture."
        )
    texts = [str(output.get("data", {}).get("text/html", "")) for output in cells[0].get("outputs", [])]
    shown = [found for text in texts for found in _SHOWN.findall(text)]
    if not shown:
        raise GanlibError(
            f"The cell '{cells[0].id}' has the tag '{TAG}' but shows no picture: let it end in one."
        )
    kind, data = shown[-1]
    return kind, b64decode(data)


def _frames_of_image(data: bytes) -> tuple[list[Image.Image], list[int]]:
    picture = open_picture(BytesIO(data))
    frames, times = [], []
    for frame in ImageSequence.Iterator(picture):
        frames.append(_on_white(frame))
        times.append(int(frame.info.get("duration", _FRAME)))
    return frames, times


def _frames_of_video(data: bytes) -> tuple[list[Image.Image], list[int]]:
    from imageio.v3 import immeta, imread

    rate = immeta(data, extension=".mp4")["fps"]
    frames = [Image.fromarray(frame) for frame in imread(data, extension=".mp4")]
    return frames, [round(1000 / rate)] * len(frames)


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture without transparency, which would be black on a dark page."""
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _narrowed(picture: Image.Image) -> Image.Image:
    if picture.width <= _WIDEST:
        return picture
    height = round(picture.height * _WIDEST / picture.width)
    return picture.resize((_WIDEST, height), Image.Resampling.LANCZOS)


def _encoded(frames: list[Image.Image], times: list[int]) -> bytes:
    if len(frames) > 1:
        film = _webp(frames[0], save_all=True, append_images=frames[1:], duration=times, loop=0)
        if len(film) <= _LARGEST_FILM:
            return film
    return _webp(frames[-1])


def _webp(picture: Image.Image, **film: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY, method=4, **film)
    return buffer.getvalue()
