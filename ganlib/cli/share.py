"""The verbs that give a generator away: share and export."""

import argparse
from pathlib import Path

from ganlib.cli.parts import SOURCE_HELP, Verbs


def add_share(verbs: Verbs) -> None:
    """Add it to the command line."""
    share = verbs.add_parser(
        "share",
        help="make a folder to give away of a run, or upload it to the Hugging Face Hub",
        description="Make a folder of a run to give away: weights, recipe, samples and a model card that "
        "says what it was trained on, for how long, and its known faults. With --to it is uploaded to the "
        "Hugging Face Hub, too, such as: share runs/paintings --to me/paintings --licence 'CC BY 4.0' --data "
        "'My own 2,000 watercolours'. Log in there by 'hf auth login' first.",
    )
    share.add_argument("run", type=Path, help="the run folder")
    share.add_argument("--to", metavar="OWNER/NAME", help="the model on the Hub, made if it is not there")
    share.add_argument(
        "--data", metavar="TEXT", help="what it was trained on (known where these were bundled pictures)"
    )
    share.add_argument(
        "--licence", metavar="NAME", help="the licence of the weights, such as 'CC0 1.0' (as for --data)"
    )
    share.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the folder to write (share in the run folder)"
    )
    share.add_argument("--private", action="store_true", help="upload it for nobody else to see")
    share.add_argument(
        "--best", action="store_true", help="give away best.safetensors, not the last generator"
    )
    share.set_defaults(verb=_share)


def _share(options: argparse.Namespace) -> None:
    from ganlib.hub.hub import page_of, share

    folder = share(
        options.run,
        options.to,
        data=options.data,
        licence=options.licence,
        out=options.out,
        private=options.private,
        best=options.best,
    )
    print(f"folder   {folder}")
    if options.to:
        print(f"page     {page_of(options.to)}")
    print(f'to load  ganlib.load("{options.to or folder}")')


def add_export(verbs: Verbs) -> None:
    """Add it to the command line."""
    export = verbs.add_parser(
        "export",
        help="write a generator as ONNX, for programs without PyTorch",
        description="Write a generator as ONNX, for programs without PyTorch, such as: export runs/paintings "
        "--out paintings.onnx. Its input z is (N, latent_dim), from a normal distribution, its output "
        "pictures (N, 3, S, S) from -1 to 1.",
    )
    export.add_argument(
        "source", metavar="RUN", help=SOURCE_HELP.removesuffix(" (portraits)") + ", or owner/name on the Hub"
    )
    export.add_argument(
        "--out",
        type=Path,
        default=Path("generator.onnx"),
        metavar="FILE",
        help="the file to write (generator.onnx)",
    )
    export.set_defaults(verb=_export)


def _export(options: argparse.Namespace) -> None:
    from ganlib.hub.onnx import export_onnx

    path = export_onnx(options.source, options.out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
