"""The verb `project`."""

import argparse
from pathlib import Path

from ganlib.cli.parts import SOURCE_HELP, Verbs, add_upscale


def add_project(verbs: Verbs) -> None:
    """Add it to the command line."""
    project = verbs.add_parser(
        "project",
        help="find the z whose picture comes nearest to a photo",
        description="Find the z whose picture comes nearest to a photo. The picture is written beside the "
        "photo as PNG, and the z as JSON, which 'interpolate' takes as a stop.",
    )
    project.add_argument("photo", type=Path, help="a picture of any format and size")
    project.add_argument("source", nargs="?", default="portraits", help=SOURCE_HELP)
    project.add_argument(
        "--crop", default="centre", help="'centre', 'pad' (white borders) or 'stretch' (centre)"
    )
    project.add_argument("--starts", type=int, default=4, help="how many searches go on together (4)")
    project.add_argument("--steps", type=int, default=200, help="how many steps each takes (200)")
    project.add_argument(
        "--out",
        type=Path,
        metavar="PICTURE",
        help="the picture to write, with the JSON beside it (PHOTO-projected.png)",
    )
    add_upscale(project, "1")
    project.set_defaults(verb=_project)


def _project(options: argparse.Namespace) -> None:
    from ganlib.data.photo import read_photo
    from ganlib.files import expand_home
    from ganlib.latent_file import save_latent
    from ganlib.projection import project
    from ganlib.run import load_generator
    from ganlib.show.figure import check_picture_name
    from ganlib.show.grids import check_grid, grid

    photo = expand_home(options.photo)
    out = options.out or photo.with_name(f"{photo.stem}-projected.png")
    scale = 1 if options.upscale is None else options.upscale
    check_picture_name(out)
    generator, recipe = load_generator(options.source)
    check_grid(1, recipe.size, 1, scale)
    wanted = read_photo(photo, recipe.size, options.crop)
    found = project(generator, wanted, starts=options.starts, steps=options.steps)
    print(found)
    print(f"picture  {grid(found.picture[None], scale=scale, smooth=options.smooth).save(out)}")
    print(f"z        {save_latent(found.z, generator, recipe, out.with_suffix('.json'))}")
