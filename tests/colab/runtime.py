"""A runtime of Colab's: an empty folder with one notebook in it, a home, and a kernel for its cells."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from tests.data.kaggle_stand_in import NO_NETWORK

HERE = Path(__file__).parent
ENVIRONMENT = Path(sys.prefix)
WHEELS = ENVIRONMENT / "wheels"
_CELL_SECONDS = 600
_POLL_SECONDS = 0.05


class Runtime:
    """What is in `folder` goes when the runtime goes; `drive`, if there is one, stays."""

    def __init__(self, folder: Path, drive: Path | None = None, tiny: bool = True) -> None:
        """Nothing is there yet; `tiny` has every run be as short as can be."""
        self.folder = folder
        self.content = folder / "content"
        self._drive = drive
        self._tiny = tiny

    def start(self) -> None:
        """Make the folders, in which there is nothing."""
        for name in ("content", "home", "tmp"):
            (self.folder / name).mkdir(parents=True)
        shutil.copytree(HERE / "stand_in", self.folder / "stand_in")

    def delete(self) -> None:
        """Take everything away."""
        shutil.rmtree(self.folder)

    def run(self, name: str, page: nbformat.NotebookNode) -> None:
        """Execute the cells of `page`, which keeps their outputs.

        Raises:
            CellExecutionError: a cell has failed.
        """
        self._client(name, page).execute(env=self._environment())

    def run_until(self, name: str, page: nbformat.NotebookNode, over: Callable[[], bool]) -> None:
        """The same, but kill the kernel when it is `over`: nothing gets to know."""
        asyncio.run(self._run_until(self._client(name, page), over))

    async def _run_until(self, client: NotebookClient, over: Callable[[], bool]) -> None:
        reading = asyncio.create_task(client.async_execute(env=self._environment()))
        while not over() and not reading.done():
            await asyncio.sleep(_POLL_SECONDS)
        if not reading.done():
            os.kill(client.km.provisioner.pid, signal.SIGKILL)
        with suppress(DeadKernelError):
            await reading

    def _client(self, name: str, page: nbformat.NotebookNode) -> NotebookClient:
        nbformat.write(page, self.content / f"{name}.ipynb")
        place: dict[str, Any] = {"metadata": {"path": str(self.content)}}
        return NotebookClient(page, timeout=_CELL_SECONDS, kernel_name="python3", resources=place)

    def _environment(self) -> dict[str, str]:
        """All that a kernel gets of this machine; pip finds the wheels laid ready, and no network."""
        drive = {"STAND_IN_DRIVE": str(self._drive)} if self._drive else {}
        return {
            "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(self.folder / "stand_in"),
            "PIP_CONFIG_FILE": os.devnull,
            **NO_NETWORK,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "OMP_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no word about debugging
            "GANLIB_TINY": "1" if self._tiny else "0",
            **drive,
        }
