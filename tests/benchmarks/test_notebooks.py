"""The benchmark of the notebooks: a tiny one is run, timed, counted and written to; estimates by hand."""

import json
from types import SimpleNamespace

import nbformat
import pytest
import torch
from PIL import Image
from torch.nn.functional import conv2d, leaky_relu, linear
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import notebooks
from benchmarks.arithmetic import (
    SHORT,
    Measured,
    shortened,
    stretch_of,
    t4_seconds,
    uses_a_gpu,
    watch,
)
from benchmarks.operators import Recorder
from tools.minutes import read_ledger

TITLE = """# 01 A page

![Twenty coloured squares, four by five](covers/01_page.webp)

**Minutes:** 25 to read, 8 to run on two CPU cores, 1 on a T4 (estimated).

Next: nothing."""
CODE = {
    "setup": "import time\nimport torch\nimport ganlib\ndevice = ganlib.detect().device",
    "sleep": "time.sleep(0.3)",
    "multiply": "for _ in range(3):\n    torch.ones(20, 30).to(device) @ torch.ones(30, 40).to(device)",
    "train": """
class Trainer:
    def fit(self, minutes):
        time.sleep(5 if minutes < 0.1 else 0.1)
        return torch.ones(2, 2) @ torch.ones(2, 2)


folder = ganlib.run_folder("tiny")
folder.mkdir(parents=True)
assert not ganlib.runtime.device.is_tiny()
Trainer().fit(minutes=2 if device.type == "cuda" else 1)""",
    "draw": """
from PIL import Image
from ganlib.show.figure import Figure
Figure.from_image(Image.new("RGB", (1200, 400), "red"), "a red field, three times as wide as high")""",
}


@pytest.fixture
def folder(tmp_path):
    """A checkout of one notebook."""
    cells = [nbformat.v4.new_markdown_cell(TITLE, id="title")]
    cells += [nbformat.v4.new_code_cell(source.strip(), id=name) for name, source in CODE.items()]
    cells[-1].metadata["tags"] = ["cover"]
    page = nbformat.v4.new_notebook(cells=cells)
    (tmp_path / "course" / "notebooks" / "covers").mkdir(parents=True)
    nbformat.write(page, tmp_path / "course" / "notebooks" / "01_page.ipynb")
    return tmp_path / "course" / "notebooks"


@pytest.fixture
def quick(monkeypatch):
    """A CPU of a known rate, and all that was counted."""
    found = []
    counted = notebooks.counted

    def recorded(*arguments):
        found.append(counted(*arguments))
        return found[-1]

    monkeypatch.setattr(notebooks, "matrix_rate", lambda device, precision: RATE)
    monkeypatch.setattr(notebooks, "counted", recorded)
    return found


def test_a_notebook_is_run_timed_counted_kept_and_written_to(folder, tmp_path, capsys, monkeypatch, quick):
    monkeypatch.setenv("GANLIB_TINY", "1")  # which must not reach the kernel
    ledger = tmp_path / "minutes.json"
    options = ["--folder", str(folder), "--out", str(tmp_path / "out"), "--ledger", str(ledger)]
    assert notebooks.main([*options, "01", "--write"]) == 0
    assert capsys.readouterr().out.strip().split("\n")[-1].startswith("| 01_page | 25 | 8 | 0.")
    entry = read_ledger(ledger)["01_page"]
    (cells,) = quick
    assert entry.cpu == pytest.approx(sum(cell.seconds for cell in cells) / 60, abs=0.006)
    assert 0.3 <= cells[1].seconds < 4
    assert 0.1 <= cells[3].seconds < 4  # not the five of the second run
    assert [cell.flops for cell in cells] == [0, 0, 3 * 2 * 20 * 30 * 40, 2 * 2 * 2 * 2, 0]
    assert cells[2].operators == 3 * (2 + 1)  # two fills and a product
    assert {path.name for path in folder.iterdir()} == {"01_page.ipynb", "covers"}
    kept = nbformat.read(tmp_path / "out" / "01_page.ipynb", as_version=4)
    assert [cell.id for cell in kept.cells] == ["title", *CODE]
    assert kept.cells[-1].outputs
    page = nbformat.read(folder / "01_page.ipynb", as_version=4)
    assert page.cells[0].source.splitlines()[4].startswith("**Minutes:** 25 to read, 0.5 to run")
    assert not page.cells[-1].outputs
    assert Image.open(folder / "covers" / "01_page.webp").size == (900, 300)
    html = (tmp_path / "out" / "01_page.html").read_text()
    assert 'src="data:image/webp;base64,' in html
    assert 'alt="a red field' in html


def test_a_failing_cell_is_a_sentence(folder, tmp_path, capsys):
    path = folder / "01_page.ipynb"
    page = nbformat.read(path, as_version=4)
    page.cells[1].source = "1 / 0"
    nbformat.write(page, path)
    ledger = tmp_path / "minutes.json"
    assert notebooks.main(["--folder", str(folder), "--out", str(tmp_path), "--ledger", str(ledger)]) == 2
    assert "A cell of 01_page.ipynb stopped with ZeroDivisionError" in capsys.readouterr().err
    assert not ledger.exists()
    assert notebooks.main(["--folder", str(folder), "07"]) == 2
    assert "No notebook is called '07...': there are 01_page." in capsys.readouterr().err


@pytest.mark.parametrize("how", ["train", "penalty", "inference"])
def test_the_count_is_torchs_own(how):
    """Of a net that is trained, with a double backward pass, and without one."""
    kernel, matrix = torch.rand(4, 3, 3, 3, requires_grad=True), torch.rand(1, 4 * 36, requires_grad=True)

    def net(x):  # no module: torch's own counter does not bear the double backward pass of one
        return linear(leaky_relu(conv2d(x, kernel)).flatten(1), matrix)

    def work():
        x = torch.rand(2, 3, 8, 8, requires_grad=how == "penalty")
        if how == "inference":
            with torch.inference_mode():
                net(x)
        elif how == "train":
            net(x).sum().backward()
        else:
            (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
            slope.square().sum().backward()

    with Recorder() as ours:
        work()
    with FlopCounterMode(display=False) as theirs:
        work()
    assert ours.flops == theirs.get_total_flops() > 10_000
    assert {"train": 5, "penalty": 15, "inference": 3}[how] < len(ours.operators) < 100


def test_views_and_nets_without_values_cost_nothing():
    with Recorder() as counted:
        x = torch.ones(4, 6)
        assert len(counted.operators) == 1
        x.view(2, 12).t()
        assert len(counted.operators) == 1
        torch.ones(4, 6, device="meta") @ torch.ones(6, 4, device="meta")
        assert (len(counted.operators), counted.flops) == (1, 0)
        x @ x.T
    assert (len(counted.operators), counted.flops) == (2, 2 * 4 * 6 * 4)


def test_the_counter_begins_with_the_next_cell(tmp_path):
    hooks = {}
    shell = SimpleNamespace(events=SimpleNamespace(register=hooks.__setitem__))
    watch(shell, tmp_path / "counts")
    hooks["post_run_cell"](None)
    for size in (2, 3):
        hooks["pre_run_cell"](None)
        torch.ones(size, size) @ torch.ones(size, size)
        hooks["post_run_cell"](None)
    lines = (tmp_path / "counts").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [[2 * 2**3, 3], [2 * 3**3, 3]]


RATE = 100e9  # of a CPU


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        (Measured("x", 10.0, flops=0), 10),
        (Measured("x", 10.0, flops=int(0.09e12), operators=1000), 10),  # below a tenth of the rate
        (Measured("x", 10.0, flops=int(0.65e12)), 0.1),
        (Measured("x", 10.0, flops=int(0.65e12), operators=100_000), 0.1 + 1.5),
        (Measured("trainer.fit(minutes=4)", 245.0, flops=10**15), 245),
        (Measured("trainer.fit(minutes=60 if on_gpu else 10)", 610.0), 3660),
        (Measured("trainer.fit(kimg=4)", 10.0, flops=int(0.65e12)), 0.1),
    ],
)
def test_seconds_on_a_t4(cell, seconds):
    assert t4_seconds(cell, RATE) == pytest.approx(seconds)


def test_timed_trainings_are_found_and_shortened():
    assert stretch_of("a.fit(minutes=3)\nb.fit(minutes=limit)") == 1
    assert stretch_of("a.fit(minutes=5)\nb.fit(minutes=25 if gpu else 5)") == 3
    assert stretch_of("fit(minutes=3)\na.train(minutes=3)\na.fit(kimg=1)") is None
    assert stretch_of("!ls") is None
    assert shortened("a.fit(minutes=60 if gpu else 10, kimg=5)") == f"a.fit(minutes={SHORT}, kimg=5)"
    assert shortened("a.fit( kimg=5 )  # as it stands") == "a.fit( kimg=5 )  # as it stands"


def test_a_notebook_without_a_device_stays_on_the_cpu(folder, tmp_path, monkeypatch):
    assert uses_a_gpu(["1", "ganlib.Trainer('auto', art)"])
    assert uses_a_gpu(["device = ganlib.detect().device"])
    assert not uses_a_gpu(["print(ganlib.detect())", "net(x)"])
    cells = [Measured("net(x)", 90.0), Measured("1", 30.0)]
    monkeypatch.setattr(notebooks, "counted", lambda *_: pytest.fail("nothing there is to be counted"))
    assert notebooks.minutes_of(folder / "01_page.ipynb", cells, tmp_path) == (2, 2)
