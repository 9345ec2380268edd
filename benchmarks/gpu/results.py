"""What has been measured so far: a line of JSON each, written at once, so that a part can be cut short."""

import json
from pathlib import Path
from typing import Any


class Results:
    """The lines of a file, each with the `part` that measured it and the `name` of what was measured."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run has left in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        self._lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    def add(self, part: str, name: str, **values: Any) -> None:
        """Write down one result."""
        line = {"part": part, "name": name, **values}
        self._lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def of(self, part: str) -> dict[str, dict[str, Any]]:
        """Return the results of a part by name, the newest of each."""
        return {line["name"]: line for line in self._lines if line["part"] == part}

    def has(self, part: str, name: str) -> bool:
        """Tell whether this has been measured before."""
        return name in self.of(part)
