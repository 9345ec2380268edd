"""Where a notebook keeps what is to outlive it."""

import os
from pathlib import Path

from ganlib.files import cache_folder

_DRIVE = "content/drive/MyDrive"
_KAGGLE = "kaggle/working"
_MOUNT = "from google.colab import drive; drive.mount('/content/drive')"


def workspace(root: Path = Path("/")) -> Path:
    """The folder for runs and prepared pictures.

    That is `$GANLIB_WORKSPACE`, if it is set; `ganlib` in Google Drive, while that is mounted; what Kaggle
    keeps of a notebook; else the folder in which one works. `root` is where the file system begins.
    """
    return _kept(root) or Path()


def _kept(root: Path) -> Path | None:
    if named := os.environ.get("GANLIB_WORKSPACE"):
        return Path(named).expanduser()
    if (root / _DRIVE).is_dir():
        return root / _DRIVE / "ganlib"
    return root / _KAGGLE if (root / _KAGGLE).is_dir() else None


def prepared_folder(root: Path = Path("/")) -> Path:
    """Where prepared pictures are kept: with the runs if these outlive this machine, else in its cache.

    Preparing takes minutes, and nobody wants to wait for it in each new runtime.
    """
    kept = _kept(root)
    return kept / "prepared" if kept else cache_folder()


def is_kaggle() -> bool:
    """Whether this is a notebook on Kaggle, whose machines have Colab's module, too."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def drive_hint(root: Path = Path("/")) -> str:
    """What to type in Colab so that runs outlive it; nothing is asked, and nothing waits for an answer."""
    if (root / _DRIVE).is_dir():
        return f"Runs are kept in Google Drive, in {workspace(root)}."
    return f"Runs are lost with this runtime, unless you mount Google Drive before this cell: {_MOUNT}"
