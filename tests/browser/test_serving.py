"""The messages of a server: what counts as a failure, and what does not."""

import pytest

from tests.browser.serving import Server

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
  File "ganlib/show/studio/picture.py", line 1, in show
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
