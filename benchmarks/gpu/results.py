"""What has been measured so far: a line of JSON each, written at once, so that a part can be cut short."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any


class Results:
    """The lines of a file, each with the `part` that measured it and the `name` of what was measured."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run has left in `folder`; a line that was cut off is no line."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        self._lines: list[dict[str, Any]] = []
        for line in self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else ():
            with suppress(json.JSONDecodeError):
                self._lines.append(json.loads(line))

    def add(self, part: str, name: str, **values: Any) -> None:
        """Write down one result."""
        line = {"part": part, "name": name, **values}
        self._lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(file.tell()) + json.dumps(line))

    def of(self, part: str) -> dict[str, dict[str, Any]]:
        """Return the results of a part by name, the newest of each."""
        return {line["name"]: line for line in self._lines if line["part"] == part}

    def has(self, part: str, name: str) -> bool:
        """Tell whether this has been measured before, and did not fail."""
        return "error" not in self.of(part).get(name, {"error": ""})
