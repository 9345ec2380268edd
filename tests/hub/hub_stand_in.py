"""A Hugging Face Hub on this machine: as much of it as one model to fetch and one to put there needs.

Weights go the way of large files, as they do there: their place is asked for, they are put there, and the
commit names them by their SHA-256.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LARGE = ".safetensors"


class HubStandIn(ThreadingHTTPServer):
    """`files` are those of the one model, by name; `token` is what a caller must show to write.

    `visibility` is None until the model is made, or put there; `asked` holds what was asked for.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.model = "somebody/portraits"
        self.files: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}  # by SHA-256
        self.token = "hf_secret"
        self.visibility: str | None = None
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[HubStandIn]:
    with HubStandIn() as hub:
        Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield hub
        finally:
            hub.shutdown()


class _Answer(BaseHTTPRequestHandler):
    server: HubStandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._note()
        self._file()

    def do_GET(self) -> None:
        self._note()
        if self.path.startswith("/api/"):
            private = self.server.visibility == "private"
            self._send(200, {"id": self.server.model, "sha": _COMMIT, "siblings": [], "private": private})
        else:
            self._file()

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        if self.path != f"/large/{hashlib.sha256(content).hexdigest()}":
            return self._send(400, {"error": "Another SHA-256"})
        self.server.large[self.path.removeprefix("/large/")] = content
        return self._send(200, {})

    def do_POST(self) -> None:
        self._note()
        body = self._body()
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._send(401, {"error": "Invalid username or password."})
        return self._send(200, self._answer()(body))

    def _answer(self) -> Callable[[bytes], Any]:
        ways = {
            "create": self._create,
            "preupload": self._ways,
            "batch": self._places,
            "commit": self._commit,
        }
        found = [answer for word, answer in ways.items() if f"/{word}" in self.path]
        return found[0] if found else lambda _: {"errors": [], "warnings": []}  # the head of the card

    def _create(self, body: bytes) -> Any:
        self.server.visibility = self.server.visibility or json.loads(body).get("visibility", "public")
        return {"url": f"{self.server.url}/{self.server.model}"}

    def _ways(self, body: bytes) -> Any:
        names = [file["path"] for file in json.loads(body)["files"]]
        modes = {name: "lfs" if name.endswith(_LARGE) else "regular" for name in names}
        ways = [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]
        return {"files": ways}

    def _places(self, body: bytes) -> Any:
        wanted = json.loads(body)["objects"]
        places = [{"upload": {"href": f"{self.server.url}/large/{one['oid']}"}} for one in wanted]
        objects = [{**one, "actions": place} for one, place in zip(wanted, places, strict=True)]
        return {"transfer": "basic", "objects": objects}

    def _commit(self, body: bytes) -> Any:
        for entry in map(json.loads, body.splitlines()):
            value = entry["value"]
            if entry["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.large[value["oid"]]
        address = f"{self.server.url}/{self.server.model}/commit/{_COMMIT}"
        return {"success": True, "commitOid": _COMMIT, "commitUrl": address}

    def _file(self) -> None:
        model, _, name = self.path.removeprefix("/").partition("/resolve/main/")
        if model != self.server.model:
            return self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if name not in self.server.files:
            return self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        content = self.server.files[name]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self._send(200, content, {"ETag": tag, "X-Repo-Commit": _COMMIT})

    def _note(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, code: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
