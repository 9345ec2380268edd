"""The whole state of a run on disk."""

import pickle
from io import BytesIO
from pathlib import Path

import torch

from ganlib.errors import GanlibError
from ganlib.files import write_atomically
from ganlib.training.state import TrainingState


def save_checkpoint(state: TrainingState, path: Path) -> None:
    """Write the state to `path`, whole or not at all.

    Raises:
        GanlibError: the disk is full or the place may not be written; `path` is as it was.
    """
    buffer = BytesIO()  # torch hides an error of the disk behind one of its own
    torch.save(state.state_dict(), buffer)
    write_atomically(path, lambda part: part.write_bytes(buffer.getbuffer()))


def load_checkpoint(state: TrainingState, path: Path) -> None:
    """Bring `state` to the place where `path` was written.

    Raises:
        GanlibError: the file is damaged, or was written for another data set or other nets.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        pictures = values["data"]["pictures"]
        if pictures != len(state.batches):
            raise GanlibError(
                f"The run '{path.parent}' was trained on {pictures} pictures, this set has "
                f"{len(state.batches)}: name the same pictures, or another run folder."
            )
        state.load_state_dict(values)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
        raise GanlibError(f"The checkpoint '{path}' is damaged or of another recipe: {error}") from error
