"""A server of notebooks with settings, cache and port of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

_PATIENCE = 120  # seconds; only a server that hangs ever takes them
_POLL = 0.1
_ANSWER = 5.0  # seconds; a page that is not there is said so at once, or by nobody
_TRACEBACK = "Traceback (most recent call last)"
_PAGE_LEFT = ("StreamClosedError", "WebSocketClosedError")  # the server was just writing to a page that went
_QUIET_LAB = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}


class Server(NamedTuple):
    """The address of a server, without a slash at its end, and the file of its messages."""

    address: str
    log: Path

    def failures(self) -> list[str]:
        """The tracebacks in the messages, of the server and of its kernels, but for those of pages left."""
        blocks = self.log.read_text().split(_TRACEBACK)[1:]
        own = [block.split("\n[")[0] for block in blocks]  # the next message begins with [
        return [block for block in own if not any(name in block for name in _PAGE_LEFT)]


@contextmanager
def serve_lab(notebooks: Path, place: Path) -> Iterator[Server]:
    """Serve a folder of notebooks in JupyterLab, keeping what the server writes in `place`."""
    settings = place / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET_LAB))
    options = (
        "lab",
        "--allow-root",
        f"--ServerApp.root_dir={notebooks}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    )
    with _serve("jupyter", options, notebooks, place) as server:
        yield server


@contextmanager
def serve_voila(notebook: Path, place: Path) -> Iterator[Server]:
    """Serve one notebook as a page, keeping what the server writes in `place`."""
    with _serve("voila", (str(notebook), "--token="), notebook.parent, place) as server:
        yield server


@contextmanager
def _serve(module: str, options: tuple[str, ...], folder: Path, place: Path) -> Iterator[Server]:
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}", place / f"{module}.log")
    command = [sys.executable, "-m", module, *options, "--no-browser", f"--port={port}"]
    with server.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=_surroundings(place), stdout=log, stderr=log)
    try:
        _wait_for(server, process)
        yield server
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _surroundings(place: Path) -> dict[str, str]:
    """Nothing of the person's own settings, and nothing left among them."""
    return {
        **os.environ,
        "IPYTHONDIR": str(place / "ipython"),
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTER_DATA_DIR": str(place / "data"),
        "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(place / "cache"),
    }


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while not answers(server.address):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"The server did not start:\n{server.log.read_text()[-3000:]}")
        time.sleep(_POLL)


def answers(address: str) -> bool:
    """Whether something on this machine speaks HTTP there, asked past any proxy."""
    ask = build_opener(ProxyHandler({})).open
    try:
        ask(f"{address}/no-such-page", timeout=_ANSWER).close()
    except HTTPError:
        return True
    except (OSError, HTTPException):
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """As at Ctrl-C and "yes", so that the kernels end, too."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
