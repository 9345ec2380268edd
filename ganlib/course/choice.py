"""The pictures of the whole course: chosen in lesson 01, kept in the workspace, trained on by the others."""

import json
import os
from pathlib import Path

from ganlib.data.dataset import ImageDataset, load_art
from ganlib.data.sources import PORTRAITS
from ganlib.errors import GanlibError
from ganlib.runtime.device import is_tiny
from ganlib.runtime.files import expand_home, read_json, workspace, write_atomically
from ganlib.sizes import AnySize


def course_art(art: str | Path | None = None, size: AnySize = 64) -> ImageDataset:
    """Load the pictures of the course in `size` px: `art`, which the workspace keeps, or what it has kept.

    `art` is whatever `load_art` takes. If it cannot be loaded, a sentence says so, and the bundled portraits
    take its place. A tiny run keeps nothing and finds nothing kept.
    """
    kept, name = workspace() / "runs" / "art.json", PORTRAITS
    try:
        if art is not None:
            place = expand_home(art)
            is_here = os.path.exists(place)  # noqa: PTH110 (it raises at no name)
            name = str(place.resolve() if is_here and art != PORTRAITS else art)  # for lessons run elsewhere
        elif kept.is_file() and not is_tiny():
            name = read_json(kept, str)
        pictures = load_art(name, size)
    except GanlibError as error:
        print(f"{error} The bundled portraits take their place.")
        name, pictures = PORTRAITS, load_art(PORTRAITS, size)
    if art is not None and not is_tiny():
        write_atomically(kept, lambda part: part.write_text(json.dumps(name)))
    elif name != PORTRAITS:
        print(f"Your own: {pictures}. What is said of drawn portraits was seen on the bundled ones.")
    return pictures
