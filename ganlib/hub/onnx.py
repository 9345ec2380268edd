"""A generator for programs that know nothing of PyTorch."""

import logging
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.latent.sampling import sample_latent
from ganlib.runtime.files import expand_home, write_atomically
from ganlib.weights import load


def export_onnx(source: str | Path, out: str | Path, generator: nn.Module | None = None) -> Path:
    """Write a generator as ONNX: input `z`, (N, latent_dim), output `pictures`, (N, 3, S, S) in [-1, 1].

    N is whatever it is given later. `source` and `generator` are what `load` takes, `out` the file, which
    ends in .onnx.

    Raises:
        GanlibError: there is no such generator, the packages `onnx` and `onnxscript` are missing, the name
            does not end in .onnx, or the disk is full.
    """
    path = expand_home(out)
    if path.suffix != ".onnx":
        raise GanlibError(f"'{path}' is no name for ONNX: let it end in .onnx.")
    if None in (find_spec("onnx"), find_spec("onnxscript")):
        raise GanlibError("ONNX needs two packages more: pip install onnx onnxscript.")
    net, recipe = load(source, generator)
    z = sample_latent(2, recipe.latent_dim, 0)
    silent = logging.root.manager.disable
    logging.disable(logging.WARNING)  # what the exporter says of its own workings
    try:
        program = torch.onnx.export(
            net,
            (z,),
            input_names=["z"],
            output_names=["pictures"],
            dynamic_shapes={"z": {0: torch.export.Dim("pictures", min=1)}},
            dynamo=True,
            verbose=False,
        )
    finally:
        logging.disable(silent)
    assert program is not None  # it is with dynamo
    write_atomically(path, lambda part: program.save(part, external_data=False))
    return path
