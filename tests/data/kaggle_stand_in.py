"""A server on the loopback that answers the real clients like Kaggle, and archives for it to serve."""

import base64
import copy
import functools
import hashlib
import io
import json
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from PIL import Image

from ganlib.runtime.files import bundled_folder

TOKEN = "KGAT_0123456789abcdef-never-to-be-seen"
USER, KEY = "ada", "fedcba9876543210-never-to-be-seen"
BASIC = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
SECRETS = (TOKEN, KEY, BASIC)
PICTURES = {f"art/{index}.jpg": random.Random(index).randbytes(1_500_000) for index in range(2)}

# Python runs a file of this name whenever it starts: here it leads the clients to the stand-in.
SITECUSTOMIZE = """
import os, sys
import requests
from kagglesdk import kaggle_env
for name in os.environ.get("MISSING", "").split():
    sys.modules[name] = None
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = os.environ["STAND_IN"]
get, drive = requests.Session.get, os.environ["STAND_IN"] + "/storage/drive"
def get_here(self, url, **options):
    return get(self, url.replace("https://docs.google.com/uc", drive), **options)
requests.Session.get = get_here
"""
IMPATIENT = "import time\ntime.sleep = lambda seconds: None\n"
NOWHERE = "http://127.0.0.1:9"
NO_NETWORK = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
}


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@functools.cache
def good_zip() -> bytes:
    """Three megabytes, so that a connection can be cut when some of it has been written."""
    return zip_of(PICTURES)


def _png(picture: Image.Image) -> bytes:
    picture.save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


@functools.cache
def a_dozen(kind: str) -> bytes:
    """Twelve portraits or quilts that anybody may have, and three files that no picture can be made of."""
    if kind == "portraits":
        with Image.open(bundled_folder() / "portraits.webp") as atlas:
            tiles = [atlas.crop((64 * k, 0, 64 * k + 64, 64)).resize((128, 160)) for k in range(12)]
    else:
        quilts = sorted((bundled_folder() / "patchwork").glob("*.png"))[:12]
        tiles = [Image.open(quilt).convert("RGB").resize((192, 160)) for quilt in quilts]
    files = {f"{kind}/{number:02d}.png": _png(tile) for number, tile in enumerate(tiles)}
    spoilt = {"half.png": _png(tiles[0])[:2000], "icon.png": _png(tiles[1].resize((32, 40)))}
    return zip_of({**files, **spoilt, "README.txt": b"Who painted these?"})


@functools.cache
def bomb() -> bytes:
    """A small file that says, a thousand times over, that ninety megabytes of zeros are in it: 90 GB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.jpg", bytes(90_000_000))
        for index in range(1, 1000):
            entry = copy.copy(archive.filelist[0])
            entry.filename = entry.orig_filename = f"{index}.jpg"
            archive.filelist.append(entry)
    return buffer.getvalue()


def zip_that_leads_outside(folder: Path) -> bytes:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    names = ["../up.txt", "../" * 9 + "up.txt", "art/../../up.txt", str(folder / "absolute.txt")]
    with zipfile.ZipFile(buffer := io.BytesIO(zip_of(dict.fromkeys(names, b"out"))), "a") as archive:
        archive.writestr(link, str(folder))
        archive.writestr("art/0.jpg", b"picture")
    return buffer.getvalue()


def tar_with(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w") as archive:
        archive.addfile(entry)
    return buffer.getvalue()


def contents(place: Path) -> dict[str, bytes]:
    """What a folder or a zip file holds."""
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return {
        path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()
    }


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    facts: dict

    @property
    def range(self) -> str:
        return self.headers.get("range", "")


@dataclass
class KaggleStandIn:
    """What is served, to whom, and what goes wrong; `cuts` are used up answer by answer."""

    url: str
    archive: bytes = field(default_factory=good_zip)
    archives: dict[str, bytes] = field(default_factory=dict)  # by the name of a data set, before the other
    private: bool = False
    status: int = 200
    cuts: list[int] = field(default_factory=list)
    cut_always: int | None = None
    disposition: str = ""
    requests: list[Request] = field(default_factory=list)

    @property
    def transfers(self) -> list[Request]:
        return [request for request in self.requests if request.path.startswith("/storage/")]

    @property
    def asked(self) -> list[Request]:
        """The requests for the archive, with whatever credential was shown."""
        return [request for request in self.requests if request.path.endswith("/DownloadDataset")]

    def knows(self, headers: dict[str, str]) -> bool:
        shown = headers.get("authorization")
        return shown in {f"Bearer {TOKEN}", f"Basic {BASIC}"} or (shown is None and not self.private)


@contextmanager
def serving() -> Iterator[KaggleStandIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.stand_in = KaggleStandIn(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.stand_in  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def no_network(folder: Path) -> dict[str, str]:
    """The environment of a machine without a network, whose caches and kaggle.json lie in `folder`."""
    return {
        **NO_NETWORK,
        "KAGGLE_CONFIG_DIR": str(folder),
        "KAGGLEHUB_CACHE": str(folder / "hub"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


@contextmanager
def two_small_sets(folder: Path, status: int = 200) -> Iterator[dict[str, str]]:
    """Serve the data sets of lesson 01, a dozen pictures each; the environment that leads the clients there.

    They find a token and a kaggle.json, and keep what they fetch in `folder`; `status` may refuse them.
    """
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (folder / "kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))
    (folder / "kaggle.json").chmod(0o600)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    with serving() as site:
        site.status = status
        site.archives = {"art-portraits": a_dozen("portraits"), "abstract-art-gallery": a_dozen("quilts")}
        yield {
            **no_network(folder),
            "STAND_IN": site.url,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "KAGGLE_API_TOKEN": TOKEN,
        }


class _Handler(BaseHTTPRequestHandler):
    @property
    def kaggle(self) -> KaggleStandIn:
        return self.server.stand_in  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        request = self._noted()
        method = request.path.rpartition("/")[2]
        if method == "IntrospectToken":
            self._json(200, {"active": request.facts.get("token") == TOKEN, "username": USER})
        elif self.kaggle.status != 200:
            self._json(self.kaggle.status, {"code": self.kaggle.status, "message": "Kaggle says no"})
        elif not self.kaggle.knows(request.headers):
            self._json(401, {"code": 401, "message": "Unauthenticated"})
        elif method == "GetDataset":
            self._json(200, {"currentVersionNumber": 1, "ref": "owner/name"})
        elif method == "DownloadDataset":
            name = request.facts.get("datasetSlug")
            self._send(302, b"", {"Location": f"{self.kaggle.url}/storage/{name}.zip?signature=abc"})

    def do_GET(self) -> None:
        request = self._noted()
        if not request.path.startswith("/storage/"):
            self._send(404, b"", {})
            return
        archive = self.kaggle.archives.get(request.path.split("/")[-1].split(".")[0], self.kaggle.archive)
        start = int(request.range.removeprefix("bytes=").removesuffix("-") or 0)
        total = len(archive)
        part = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if request.range else {}
        cut = self.kaggle.cuts.pop(0) if self.kaggle.cuts else self.kaggle.cut_always
        self._send(206 if part else 200, archive[start:], {**self._file_headers(archive), **part}, cut)

    def _noted(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(body) if body else {})
        self.kaggle.requests.append(request)
        return request

    def _file_headers(self, archive: bytes) -> dict[str, str]:
        digest = hashlib.md5(archive).digest()
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Type": "application/zip",
            "ETag": f'"{digest.hex()}"',
            "Last-Modified": "Wed, 01 Jan 2025 10:00:00 GMT",
            "X-Goog-Hash": f"crc32c=AAAAAA==,md5={base64.b64encode(digest).decode()}",
        }
        return (
            {**headers, "Content-Disposition": self.kaggle.disposition}
            if self.kaggle.disposition
            else headers
        )

    def _json(self, status: int, facts: dict) -> None:
        self._send(status, json.dumps(facts).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
