"""The verb `evaluate`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import SOURCE_HELP, Verbs
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from ganlib.data.imageset import ImageSet
    from ganlib.run import Run


def add_evaluate(verbs: Verbs) -> None:
    """Add it to the command line."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="measure how good, varied and new a generator's pictures are",
        description="Measure a generator's pictures next to held-out ones: KID at three sizes, precision, "
        "recall, density, coverage, distinct pictures and nearest neighbours. It prints a table and writes "
        "quality.json and quality.png into the run folder.",
    )
    evaluate.add_argument("source", metavar="RUN", help=SOURCE_HELP.removesuffix(" (portraits)"))
    evaluate.add_argument(
        "--extractor",
        default="lite0",
        metavar="NAME",
        help="the net that looks at them: lite0, or inception and dinov2, which are fetched once (lite0)",
    )
    evaluate.add_argument(
        "--count", type=int, help="how many pictures (as many as are held out, at most 1,000)"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="the first picture's seed (0)")
    evaluate.add_argument(
        "--data", metavar="ART", help="the pictures it was trained on, as for 'train' (the recipe's own)"
    )
    evaluate.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write (the run folder, else the current one)"
    )
    evaluate.add_argument(
        "--best", action="store_true", help="measure best.safetensors, and write quality-best.json and .png"
    )
    evaluate.set_defaults(verb=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from ganlib.data.art import load_art
    from ganlib.evaluation.quality import measure_quality
    from ganlib.files import make_folder, write_atomically
    from ganlib.machine import detect
    from ganlib.run import Run, load_generator
    from ganlib.show.quality import quality_page
    from ganlib.show.quality_figure import quality_figure

    run = Run(options.source)
    generator, recipe = load_generator(run.weights_file(best=True) if options.best else options.source)
    images = load_art(options.data or recipe.art, recipe.size)
    _check_data(run, images)
    folder = options.out or (run.folder if run.recipe_file.is_file() else Path())
    out = make_folder(folder) / ("quality-best" if options.best else "quality")  # before the work is done
    quality = measure_quality(
        generator.to(detect().device),
        images,
        extractor=options.extractor,
        count=options.count,
        seed=options.seed,
    )
    text = json.dumps(quality.to_json(), indent=2) + "\n"
    write_atomically(out.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
    figure = quality_figure(quality, generator, images, recipe.name).save(out.with_suffix(".png"))
    print(quality_page(quality))
    print(f"\nfigures  {out.with_suffix('.json')}\npicture  {figure}")


def _check_data(run: "Run", images: "ImageSet") -> None:
    """Raise `GanlibError` if a checkpoint says that the run was trained on other pictures."""
    from ganlib.sharing.origin import trained_on

    data = trained_on(run)
    if data and data["fingerprint"] != images.content_hash:
        raise GanlibError(
            f"'{run.folder}' was trained on {data['pictures']} other pictures than those of '{images.name}': "
            "name them by --data."
        )
