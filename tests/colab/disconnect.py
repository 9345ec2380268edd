"""Train, lose the runtime in the middle, run the same cells in a new one: it ends as if nothing had been."""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.colab.runtime import Runtime

_RUN = "05_training"
_KIMG = 2.0
_MOUNT = "from google.colab import drive; drive.mount('/content/drive')"
_TRAIN = f"""
trainer = ganlib.Trainer("modern64-cpu", "portraits", run=ganlib.run_folder("{_RUN}"), save_minutes=0.02)
began = trainer.state.kimg
trainer.fit(kimg={_KIMG})
"""
_TELL = """
import hashlib, json

digest = hashlib.sha256()
for net in trainer.state.nets().values():
    for tensor in net.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
print(json.dumps([began, trainer.state.kimg, digest.hexdigest()]))
"""


def check_disconnect(scratch: Path, setup: str) -> str:
    """Raises `AssertionError` unless a run that was cut off ends like one that was not; a line about it."""
    quiet = Runtime(scratch / "quiet", scratch / "other drive", tiny=False)
    began, peaceful_kimg, peaceful = _train(quiet, setup)
    assert began == 0, f"a new run stands at {began} kimg"
    drive = scratch / "drive"
    _train_until_cut_off(Runtime(scratch / "first", drive, tiny=False), setup, drive)
    began, kimg, resumed = _train(Runtime(scratch / "second", drive, tiny=False), setup)
    assert 0 < began < _KIMG, f"the second runtime began at {began} kimg, and not in the middle"
    assert kimg == peaceful_kimg, f"it ended at {kimg} kimg, in peace at {peaceful_kimg}"
    assert resumed == peaceful, "the weights differ from those of a run in peace"
    return f"cut off after {began:.2f} kimg, at {kimg:.2f} the same weights as in peace"


def _train(runtime: Runtime, setup: str) -> tuple[float, float, str]:
    page = _page(setup)
    runtime.start()
    runtime.run(_RUN, page)
    runtime.delete()
    began, kimg, digest = json.loads(page.cells[-1].outputs[-1].text)
    return began, kimg, digest


def _train_until_cut_off(runtime: Runtime, setup: str, drive: Path) -> None:
    """That is after the first row of the log, and a checkpoint that is not the one of the beginning."""
    run = drive / "MyDrive" / "ganlib" / "runs" / _RUN
    log, later = run / "log.jsonl", run / "checkpoint.previous.pt"
    page = _page(setup)
    runtime.start()
    runtime.run_until(_RUN, page, over=lambda: later.exists() and log.read_bytes() != b"")
    runtime.delete()
    assert later.exists(), "no checkpoint was saved in the middle"
    assert not page.cells[-1].outputs, "it had ended before it was cut off"


def _page(setup: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(source) for source in (_MOUNT, setup, _TRAIN, _TELL)])
