"""A server on the loopback that answers like Kaggle, and whose answers a test writes."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

TOKEN = "KGAT_0123456789abcdef-never-to-be-seen"
USER, KEY = "ada", "fedcba9876543210-never-to-be-seen"
BASIC = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
SECRETS = (TOKEN, KEY, BASIC)


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    facts: dict

    @property
    def range(self) -> str:
        return self.headers.get("range", "")


@dataclass
class KaggleStandIn:
    """What is served, to whom, and what goes wrong; `cuts` and `statuses` are used up answer by answer."""

    url: str
    archive: bytes = b""
    version: int = 1
    private: bool = False
    status: int = 200
    answer_headers: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    cut_always: int | None = None
    short_parts: bool = False
    hashed: bool = True
    disposition: str = ""
    requests: list[Request] = field(default_factory=list)

    @property
    def transfers(self) -> list[Request]:
        return [request for request in self.requests if request.path.startswith("/storage/")]

    def knows(self, headers: dict[str, str]) -> bool:
        shown = headers.get("authorization")
        return shown in {f"Bearer {TOKEN}", f"Basic {BASIC}"} or (shown is None and not self.private)

    def next_cut(self) -> int | None:
        return self.cuts.pop(0) if self.cuts else self.cut_always


@contextmanager
def serving() -> Iterator[KaggleStandIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    stand_in = KaggleStandIn(f"http://127.0.0.1:{server.server_address[1]}")
    server.stand_in = stand_in  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def kaggle(self) -> KaggleStandIn:
        return self.server.stand_in  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        request = self._noted()
        if request.path.endswith("/security.OAuthService/IntrospectToken"):
            self._json(200, {"active": request.facts.get("token") == TOKEN, "username": USER})
        elif self.kaggle.status != 200:
            facts = {"code": self.kaggle.status, "message": "Kaggle says no"}
            self._json(self.kaggle.status, facts, self.kaggle.answer_headers)
        elif not self.kaggle.knows(request.headers):
            self._json(401, {"code": 401, "message": "Unauthenticated"})
        elif request.path == "/v1/datasets.DatasetApiService/GetDataset":
            self._json(200, {"currentVersionNumber": self.kaggle.version, "ref": "owner/name"})
        elif request.path == "/v1/datasets.DatasetApiService/DownloadDataset":
            self._send(302, b"", {"Location": f"{self.kaggle.url}/storage/archive.zip?signature=abc"})
        else:
            self._json(404, {"code": 404, "message": "Not found"})

    def do_GET(self) -> None:
        request = self._noted()
        if not request.path.startswith("/storage/"):
            self._send(404, b"", {})
            return
        start = int(request.range.removeprefix("bytes=").removesuffix("-") or 0)
        total = len(self.kaggle.archive)
        if start >= total:
            self._send(416, b"<Error>InvalidRange</Error>", {})
            return
        part = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if request.range else {}
        body = self.kaggle.archive[start : -100 if part and self.kaggle.short_parts else total]
        self._send(206 if part else 200, body, {**self._file_headers(), **part}, cut=True)

    def _noted(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, json.loads(body) if body else {})
        self.kaggle.requests.append(request)
        return request

    def _file_headers(self) -> dict[str, str]:
        digest = hashlib.md5(self.kaggle.archive).digest()
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Type": "application/zip",
            "ETag": f'"{digest.hex()}"',
            "Last-Modified": "Wed, 01 Jan 2025 10:00:00 GMT",
        }
        if self.kaggle.hashed:
            headers["X-Goog-Hash"] = f"crc32c=AAAAAA==,md5={base64.b64encode(digest).decode()}"
        if self.kaggle.disposition:
            headers["Content-Disposition"] = self.kaggle.disposition
        return headers

    def _json(self, status: int, facts: dict, headers: dict[str, str] | None = None) -> None:
        self._send(
            status, json.dumps(facts).encode(), {"Content-Type": "application/json", **(headers or {})}
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: self.kaggle.next_cut()] if cut else body)
