"""The whole state of a run on disk."""

import pickle
from io import BytesIO
from pathlib import Path

import torch

from ganlib.errors import GanlibError
from ganlib.files import write_atomically
from ganlib.training.state import TrainingState

_DAMAGE = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


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
        data = values["data"]
        if data["fingerprint"] != state.batches.fingerprint:
            raise GanlibError(
                f"The run '{path.parent}' was trained on {data['pictures']} other pictures than the "
                f"{len(state.batches)} of this set: name the same pictures, or another run folder."
            )
        state.load_state_dict(values)
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise GanlibError(f"The checkpoint '{path}' is damaged or of other nets: {reason}") from error
