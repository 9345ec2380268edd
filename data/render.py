"""Draw the bundled picture sets again, byte for byte, and two more that only benchmarks train on.

Run ``python data/render.py portraits`` or ``python data/render.py patchwork``; ``voxels`` and ``travellers``
become a folder of PNG files each, in the one that is named by ``--out``.

This script has dependencies of its own, which nothing else in the project needs. The files beside it
were made with these versions, and only these are sure to give the same bytes:

    pip install dicebear-core==10.7.0 dicebear-styles==10.6.0 resvg-py==0.5.0 pillow==13.0.0
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import files
from itertools import count, islice
from pathlib import Path
from typing import Any

import resvg_py
from dicebear import Avatar, Style
from PIL import Image

PORTRAITS = 4000
TILE = 64
COLUMNS = 64
PATCHWORKS = 300
PATCHWORK_SIZE = 512
PALETTE_SIZE = 256
OTHERS = 3000

# Sixteen flat, softly saturated backgrounds: once round the colour wheel, then three near-neutrals.
BACKGROUNDS = (
    "#f4b8a8", "#f3c79b", "#f2d68a", "#e3e09a", "#c5dca0", "#a5d6b0", "#9bd5c6", "#9ccfda",
    "#a6c3e3", "#b3b6e6", "#c7b2e2", "#debae0", "#efb9d0", "#e9c9bd", "#d9d2c0", "#c3ced6",
)  # fmt: skip

Layer = Callable[[int], Image.Image]

# What the style draws besides people. Masks, its third kind of disguise, are switched off altogether.
NOT_PEOPLE = {"head": {"bear"}, "expression": {"cyclops", "monster"}}


def load_definition(style: str) -> dict[str, Any]:
    """Read the definition of a style from the styles package."""
    return json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text(encoding="utf-8"))


def portrait_options(definition: dict[str, Any]) -> dict[str, Any]:
    """Ask for people only, a little smaller than usual so that no hair is cut off at an edge."""
    options: dict[str, Any] = {
        "backgroundColor": list(BACKGROUNDS),
        "maskProbability": 0,
        "scale": 0.9,
        "translateX": -2,
        "translateY": 5,
    }
    for part, unwanted in NOT_PEOPLE.items():
        variants = set(definition["components"][part]["variants"])
        if not unwanted <= variants:
            raise ValueError(f"this version of the style has no {part} called {sorted(unwanted - variants)}")
        options[f"{part}Variant"] = sorted(variants - unwanted)
    return options


def draw(style: Style, options: dict[str, Any], size: int) -> Image.Image:
    """Draw one picture, size x size, RGBA."""
    svg = Avatar(style, options).to_string()
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(png)).convert("RGBA")


def draw_distinct(
    name: str, options: dict[str, Any], size: int, before: Layer | None = None
) -> Iterator[tuple[int, Image.Image]]:
    """Yield (k, picture) for the seeds "name-0", "name-1", ..., leaving out pictures seen before.

    `before` draws what lies behind the k-th picture, which is white otherwise.
    """
    style = Style(load_definition(name))
    white = Image.new("RGBA", (size, size), "white")
    seen: set[bytes] = set()
    for k in count():
        image = draw(style, options | {"seed": f"{name}-{k}"}, size)
        image = Image.alpha_composite(before(k) if before else white, image).convert("RGB")
        pixels = image.tobytes()
        if pixels not in seen:
            seen.add(pixels)
            yield k, image


def describe(name: str, seeds: list[int], data: bytes, layout: dict[str, int]) -> dict[str, Any]:
    """Say where a set comes from and what its bytes hash to."""
    meta = load_definition(name)["meta"]
    skipped = sorted(set(range(seeds[-1] + 1)) - set(seeds))
    return {
        "name": name,
        **layout,
        "count": len(seeds),
        "sha256": hashlib.sha256(data).hexdigest(),
        "source": meta["license"]["text"],
        "licence": meta["license"]["name"],
        "licence_url": meta["license"]["url"],
        "style_version": f"dicebear-styles {version('dicebear-styles')}",
        "made_with": [f"{package} {version(package)}" for package in ("dicebear-core", "resvg-py", "pillow")],
        "seeds": {"pattern": f"{name}-{{k}}", "first": seeds[0], "last": seeds[-1], "skipped": skipped},
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a description as readable JSON."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tile(images: list[Image.Image]) -> Image.Image:
    """Lay the portraits out in rows of COLUMNS; what is left of the last row stays black."""
    atlas = Image.new("RGB", (COLUMNS * TILE, -(-len(images) // COLUMNS) * TILE))
    for i, image in enumerate(images):
        atlas.paste(image, (i % COLUMNS * TILE, i // COLUMNS * TILE))
    return atlas


def encode_webp(image: Image.Image) -> bytes:
    """Encode as lossless WebP, as small as it gets."""
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return out.getvalue()


def encode_png(image: Image.Image) -> bytes:
    """Encode as a palette PNG that holds exactly the same colours."""
    reduced = image.quantize(PALETTE_SIZE, dither=Image.Dither.NONE)
    if reduced.convert("RGB").tobytes() != image.tobytes():
        raise ValueError(f"a palette of {PALETTE_SIZE} colours does not hold this picture")
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return out.getvalue()


def render_portraits(out: Path) -> int:
    """Write portraits.webp and portraits.json; return the size of the pictures in bytes."""
    options = portrait_options(load_definition("open-peeps"))
    seeds, images = zip(*islice(draw_distinct("open-peeps", options, TILE), PORTRAITS), strict=True)
    data = encode_webp(tile(list(images)))
    (out / "portraits.webp").write_bytes(data)
    layout = {"tile": TILE, "columns": COLUMNS}
    write_json(out / "portraits.json", describe("open-peeps", list(seeds), data, layout))
    return len(data)


def render_patchwork(out: Path) -> int:
    """Write patchwork/*.png and patchwork.json; return the size of the pictures in bytes."""
    folder = out / "patchwork"
    folder.mkdir(exist_ok=True)
    seeds, encoded = [], []
    for k, image in islice(draw_distinct("patchwork", {}, PATCHWORK_SIZE), PATCHWORKS):
        seeds.append(k)
        encoded.append(encode_png(image))
        (folder / f"{len(seeds) - 1:03}.png").write_bytes(encoded[-1])
    data = b"".join(encoded)
    write_json(out / "patchwork.json", describe("patchwork", seeds, data, {"size": PATCHWORK_SIZE}))
    return len(data)


def render_voxels(out: Path) -> int:
    """Write voxels/*.png: figures of large square pixels on white."""
    return write_folder(out / "voxels", draw_distinct("voxel-art", {}, TILE))


def render_travellers(out: Path) -> int:
    """Write travellers/*.png: faces cut out of paper before landscapes."""
    land = Style(load_definition("landscape"))
    options = {"backgroundColor": ["#00000000"], "scale": 0.9}
    pictures = draw_distinct("cutouts", options, TILE, lambda k: draw(land, {"seed": f"landscape-{k}"}, TILE))
    return write_folder(out / "travellers", pictures)


def write_folder(folder: Path, pictures: Iterator[tuple[int, Image.Image]]) -> int:
    """Write so many pictures, named by their seeds; return their size in bytes."""
    folder.mkdir(exist_ok=True)
    for k, image in islice(pictures, OTHERS):
        image.save(folder / f"{k:05}.png")
    return sum(file.stat().st_size for file in folder.iterdir())


RENDERERS = {
    "portraits": render_portraits,
    "patchwork": render_patchwork,
    "voxels": render_voxels,
    "travellers": render_travellers,
}


def main() -> None:
    """Draw the set named on the command line."""
    parser = argparse.ArgumentParser(description="Draw a bundled picture set again.")
    parser.add_argument("set", choices=RENDERERS, help="the set to draw")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    size = RENDERERS[args.set](args.out)
    sys.stdout.write(f"{args.set}: {size:,} bytes in {args.out}\n")


if __name__ == "__main__":
    main()
