"""The verbs that give a generator away: share and export."""

import argparse
from pathlib import Path

from ganlib.cli.parts import SOURCE, option, say, verb


@verb(
    option("run", "the run folder", Path),
    option("--to OWNER/NAME", "the model on the Hub, made if it is not there"),
    option("--data TEXT", "what it was trained on (known where these were bundled pictures)"),
    option("--licence NAME", "the licence of the weights, such as 'CC0 1.0' (as for --data)"),
    option("--out FOLDER", "the folder to write (share in the run folder)", Path),
    option("--private", "upload it for nobody else to see", False),
    option("--best", "give away best.safetensors, not the last generator", False),
)
def _share(options: argparse.Namespace) -> None:
    """Make a folder to give away of a run, or upload it to the Hugging Face Hub.

    It holds weights, recipe, samples and a model card that says what it was trained on, for how long, and
    its known faults. With --to it is uploaded, too, such as: share runs/paintings --to me/paintings
    --licence 'CC BY 4.0' --data 'My own 2,000 watercolours'. Log in there by 'hf auth login' first.
    """
    from huggingface_hub import HfApi

    from ganlib.hub.hub import share

    settings = {name: value for name, value in vars(options).items() if name not in {"run", "verb"}}
    folder = share(options.run, **settings)
    say(f"folder   {folder}")
    if options.to:
        say(f"page     {HfApi().endpoint}/{options.to}")
    say(f'to load  ganlib.load("{options.to or folder}")')


@verb(
    option("source RUN", f"{SOURCE}, or owner/name on the Hub"),
    option("--out FILE", "the file to write", Path("generator.onnx")),
)
def _export(options: argparse.Namespace) -> None:
    """Write a generator as ONNX, for programs without PyTorch.

    Type something such as: export runs/paintings --out paintings.onnx. Its input z is (N, latent_dim), from a
    normal distribution, its output pictures (N, 3, S, S) from -1 to 1.
    """
    from ganlib.hub.onnx import export_onnx

    path = export_onnx(options.source, options.out)
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


VERBS = (_share, _export)
