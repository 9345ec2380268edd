"""Prepares pictures in forked processes, each of which is killed at a moment of its own.

Called with a folder, a number of moments and a seed; prints as JSON how many processes were killed, and the
moments after which the same command did not give the same bytes. A moment is before or after a picture is
written, a file is synced, renamed or removed, and half-way through a text.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganlib.data.manifest import Settings
from ganlib.data.prepare import NpyWriter, prepare
from tests.data.pictures import fill, noise

SETTINGS = Settings(32, at_least=1, drop_near_duplicates=True)


def killed_and_prepared_again(place: Path, moments: int, seed: int) -> dict[str, Any]:
    """Kill `moments` processes that prepare the same pictures; say after which the result was another."""
    art = fill(place / "art", 12)
    noise(1, 240, 200).save(art / "near.jpg", quality=60)
    _in_a_process(art, place / "whole", None)
    whole = _files(place / "whole")
    last = _in_a_process(art, place / "counted", float("inf"))
    luck = random.Random(seed)
    chosen = [luck.randrange(1, last + 1) for _ in range(moments)]
    killed, other = 0, []
    for number, moment in enumerate(chosen):
        out = place / f"set-{number % 2}"  # made anew, or made again over one with other settings
        if number % 2:
            prepare(art, Settings(32, "stretch", at_least=1), out)
        killed += _in_a_process(art, out, moment) == -signal.SIGKILL
        prepare(art, SETTINGS, out)
        if _files(out) != whole:
            other.append(moment)
        for file in out.iterdir():
            file.unlink()
    return {"killed": killed, "other": other, "moments": last}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _in_a_process(art: Path, out: Path, moment: float | None) -> int:
    """Prepare in a fork that is killed at `moment`; its exit code, or how many moments there were."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count = _watched(moment) if moment else [0]
        prepare(art, SETTINGS, out)
        os.write(writer, str(count[0]).encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 20)
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return int(said) if code == 0 and said else code


def _watched(last: float) -> list[int]:
    """Let every writing, sync, renaming and removal pass by, and end this process at the moment `last`."""
    count = [0]

    def pass_by() -> None:
        count[0] += 1
        if count[0] >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(act: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            pass_by()
            result = act(*arguments, **options)
            pass_by()
            return result

        return watched

    def write_half(path: Path, text: str, *arguments: Any, **options: Any) -> None:
        write(path, text[: len(text) // 2], *arguments, **options)
        pass_by()
        write(path, text, *arguments, **options)
        pass_by()

    write = Path.write_text
    Path.write_text = write_half  # type: ignore[method-assign, assignment]
    for owner, names in (
        (Path, ("replace", "unlink")),
        (os, ("fsync",)),
        (NpyWriter, ("append", "close")),
    ):
        for name in names:
            setattr(owner, name, around(getattr(owner, name)))
    return count


if __name__ == "__main__":
    found = killed_and_prepared_again(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(found))
