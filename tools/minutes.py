"""How long a notebook takes: what its first cell says, and what was measured, in benchmarks/minutes.json."""

import datetime
import json
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ganlib.errors import GanlibError
from ganlib.runtime.device import detect
from ganlib.runtime.files import write_atomically

LEDGER = Path(__file__).parents[1] / "benchmarks" / "minutes.json"
_NUMBER = r"(\d+(?:\.\d+)?)"
_LINE = re.compile(
    rf"^\*\*Minutes:\*\* {_NUMBER} to read, {_NUMBER} to run on two CPU cores, "
    rf"{_NUMBER} on a T4 \(estimated\)\.$",
    re.MULTILINE,
)
_STEPS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240)
_SHORTEST = _STEPS[0]  # whatever takes less is told as this
_TOLERANCE = 2


@dataclass(frozen=True)
class Minutes:
    """What the first cell says: minutes to read, and to run on two CPU cores and on a T4."""

    read: float
    cpu: float
    t4: float

    def __str__(self) -> str:
        """Return the line of the first cell."""
        return (
            f"**Minutes:** {self.read:g} to read, {self.cpu:g} to run on two CPU cores, "
            f"{self.t4:g} on a T4 (estimated)."
        )


def stated(title: str) -> Minutes:
    """Read what the text of a first cell says.

    Raises:
        GanlibError: it has no such line, or several.
    """
    found = _LINE.findall(title)
    if len(found) != 1:
        raise GanlibError(
            f"The first cell has {len(found)} lines of minutes: give it one like '{Minutes(25, 1, 1)}'"
        )
    return Minutes(*map(float, found[0]))


def restated(title: str, cpu: float, t4: float) -> str:
    """Replace the minutes in the text of a first cell by these, rounded."""
    return _LINE.sub(str(Minutes(stated(title).read, rounded(cpu), rounded(t4))), title)


def rounded(minutes: float) -> float:
    """Return the number that one would say, the nearest to `minutes` by their ratio."""
    told = max(minutes, _SHORTEST)
    return min(_STEPS, key=lambda step: max(step / told, told / step))


def fits(said: float, measured: float) -> bool:
    """Tell whether `said` lies within a factor of two of what was measured, both at least half a minute."""
    return said >= _SHORTEST and 1 / _TOLERANCE <= said / max(measured, _SHORTEST) <= _TOLERANCE


@dataclass(frozen=True)
class Entry:
    """Minutes that one notebook took on a CPU, the estimate for a T4, and where that was measured."""

    cpu: float
    t4: float
    machine: str
    date: str
    python: str
    torch: str

    @classmethod
    def of_today(cls, cpu: float, t4: float) -> "Entry":
        """Make an entry measured here and now."""
        threads = torch.get_num_threads()
        machine = f"{detect('cpu')}; {threads} thread{'s' if threads > 1 else ''}"
        today = datetime.date.today().isoformat()
        return cls(round(cpu, 2), round(t4, 2), machine, today, platform.python_version(), torch.__version__)


def read_ledger(path: Path) -> dict[str, Entry]:
    """Read the entries by the notebook's name without its ending; none where there is no file yet."""
    if not path.exists():
        return {}
    pages = json.loads(path.read_text(encoding="utf-8"))["pages"]
    return {name: Entry(**values) for name, values in pages.items()}


def add_to_ledger(path: Path, name: str, entry: Entry) -> None:
    """Put the entry of one notebook in; the others keep theirs."""
    entries = {**read_ledger(path), name: entry}
    pages = {name: asdict(entries[name]) for name in sorted(entries)}
    text = json.dumps({"pages": pages}, indent=2) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
