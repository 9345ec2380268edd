"""The verb `export`."""

import argparse
from pathlib import Path

from ganlib.cli.parts import SOURCE_HELP, Verbs


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
    from ganlib.sharing.onnx import export_onnx

    path = export_onnx(options.source, options.out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
