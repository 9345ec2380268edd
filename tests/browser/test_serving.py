"""How a server is found to be up, and which of its messages count as failures."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.browser.serving import Server, answers

LEFT = """[E 15:16 ServerApp] Task exception was never retrieved
    future: <Task finished exception=WebSocketClosedError()>
    Traceback (most recent call last):
      File "tornado/websocket.py", line 1140, in wrapper
        await fut
    tornado.iostream.StreamClosedError: Stream is closed

    During handling of the above exception, another exception occurred:

    Traceback (most recent call last):
      File "tornado/websocket.py", line 1142, in wrapper
        raise WebSocketClosedError()
    tornado.websocket.WebSocketClosedError
[I 15:16 ServerApp] Saving file
"""
FAILED = """[I 15:15 ServerApp] Kernel started
Exception in message handler:
Traceback (most recent call last):
  File "ganlib/studio/renderer.py", line 1, in show
    raise ValueError("no picture")
ValueError: no picture
"""


@pytest.mark.parametrize(("messages", "count"), [("", 0), (LEFT, 0), (FAILED, 1), (FAILED + LEFT, 1)])
def test_a_failure_is_a_traceback_but_not_that_of_a_page_that_was_left(tmp_path, messages, count):
    log = tmp_path / "server.log"
    log.write_text(messages)
    failures = Server("http://127.0.0.1", log).failures()
    assert len(failures) == count
    assert all("no picture" in failure for failure in failures)


@pytest.fixture
def refusing(monkeypatch):
    """The address of a port where nobody listens, which is also everybody's proxy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield address


def test_a_server_here_is_asked_past_a_proxy(refusing):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        assert answers(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert not answers(refusing)
