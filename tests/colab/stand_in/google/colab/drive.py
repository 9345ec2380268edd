"""Google Drive: a folder of this machine, named by the environment, that outlives a runtime."""

import os
from pathlib import Path


def mount(mountpoint: str) -> None:
    """Have ganlib keep its runs in the folder, as it does by itself where Drive is under /content."""
    mine = Path(os.environ["STAND_IN_DRIVE"], "MyDrive")
    mine.mkdir(parents=True, exist_ok=True)
    os.environ["GANLIB_WORKSPACE"] = str(mine / "ganlib")
    print(f"Mounted at {mountpoint}")
