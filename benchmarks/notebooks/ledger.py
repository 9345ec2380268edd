"""notebooks/minutes.json: what each notebook took, when, and on which machine."""

import datetime
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ganlib.runtime.device import detect
from ganlib.runtime.files import write_atomically


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
        """An entry measured here and now."""
        threads = torch.get_num_threads()
        machine = f"{detect('cpu')}; {threads} thread{'s' if threads > 1 else ''}"
        today = datetime.date.today().isoformat()
        return cls(round(cpu, 2), round(t4, 2), machine, today, platform.python_version(), torch.__version__)


def read_ledger(path: Path) -> dict[str, Entry]:
    """The entries by the notebook's name without its ending; none where there is no file yet."""
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
