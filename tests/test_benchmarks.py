"""The benchmarks run; what they measure is not judged here."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import prepare as prepare_benchmark
from benchmarks import recipes as recipes_benchmark
from benchmarks.layout import LAYOUTS, seconds_a_step
from benchmarks.studio import milliseconds_a_move
from benchmarks.studio_browser import check as check_browser
from benchmarks.studio_browser import table as browser_table
from benchmarks.throughput import make_jpegs, rates_of, table
from benchmarks.tutorial_loop import decoding_loader, epoch_rates
from ganlib.data.imageset import ImageSet
from ganlib.data.storage import OnDevice
from ganlib.recipes import get_recipe


def test_both_loops_train_on_the_same_folder(tmp_path, monkeypatch, recipe):
    monkeypatch.delenv("GANLIB_TINY", raising=False)
    monkeypatch.setattr("benchmarks.throughput.get_recipe", lambda _: replace(recipe, size=64))
    monkeypatch.setattr("ganlib.training.trainer.get_recipe", lambda _: replace(recipe, size=64))
    make_jpegs(tmp_path / "jpegs", 24)
    for loop in ("tutorial, decoded", "ganlib"):
        rates = rates_of(loop, tmp_path / "jpegs", "cpu", epochs=2)
        assert len(rates) == 2
        assert all(rate > 0 for rate in rates)


def test_the_tutorial_loop_decodes_normalises_and_trains(tmp_path, recipe):
    make_jpegs(tmp_path / "jpegs", 4)
    loader = decoding_loader(tmp_path / "jpegs", recipe)
    batch, _ = next(iter(torch.utils.data.DataLoader(loader.dataset, 4)))
    assert batch.shape == (4, 3, 32, 32)
    assert -1 <= batch.min() < -0.2
    assert 0.2 < batch.max() <= 1
    assert len(epoch_rates([(batch, batch)], recipe, "cpu", epochs=3)) == 3


def test_the_table_compares_medians():
    rows = table({"tutorial": [10.0, 20.0, 30.0], "ganlib": [50.0, 40.0, 60.0]}).split("\n")
    assert rows[2] == "| tutorial | 20.0 (10.0 to 30.0) | 1.00 |"
    assert rows[3] == "| ganlib | 50.0 (40.0 to 60.0) | 2.50 |"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_tutorial_loop_trains_on_a_gpu(recipe):
    batch = torch.rand(8, 3, 32, 32)
    assert len(epoch_rates([(batch, batch)], recipe, "cuda", epochs=2)) == 2


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_both_layouts_train(recipe, layout):
    assert len(seconds_a_step(recipe, layout, torch.device("cpu"), steps=2)) == 2


def test_moves_in_the_studio_are_measured():
    times = milliseconds_a_move("portraits", moves=2)
    assert len(times) == 2
    assert all(0 < time < 10_000 for time in times)


def test_recipes_are_put_side_by_side(tmp_path, monkeypatch, full_length):
    def narrow(name):
        return replace(get_recipe(name), size=32, width=1, art="portraits")

    monkeypatch.setattr(recipes_benchmark, "get_recipe", narrow)
    runs = [recipes_benchmark.train(name, tmp_path, 2.0, 5, "cpu") for name in ("portraits64", "artgan64")]
    sheet = recipes_benchmark.picture(runs)
    assert sheet.width == 2 * 480 + 3 * 20
    left, right = (np.asarray(sheet.crop((x, 54, x + 480, 534))) for x in (20, 520))
    assert not np.array_equal(left, right)
    assert "| artgan64 | " in recipes_benchmark.row(runs[1])
    written = (tmp_path / "artgan64" / "log.jsonl").read_text()
    recipes_benchmark.train("artgan64", tmp_path, 2.0, 5, "cpu")  # there already: nothing is done again
    assert (tmp_path / "artgan64" / "log.jsonl").read_text() == written


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux")
def test_preparing_is_measured(tmp_path):
    folder = tmp_path / "jpegs"
    make_jpegs(folder, 4, grain=3, quality=75)
    links = prepare_benchmark.linked(sorted((folder / "art").iterdir()), tmp_path / "many", 70)
    seconds, again, peak = prepare_benchmark.measured(prepare_benchmark._PREPARE, links, 32, tmp_path / "set")
    assert seconds > 0
    assert again > 0
    assert 20 < peak < 400
    images = ImageSet.open(tmp_path / "set")
    assert len(images) == 70
    assert all(
        rate > 0 for rate in prepare_benchmark.epoch_rates(OnDevice(images, torch.device("cpu")), images)
    )


def test_a_browser_that_follows_too_slowly_is_said():
    quick, slow = [50.0, 70.0, 900.0], [290.0, 301.0, 310.0]
    assert browser_table([quick]).split("\n")[2] == "| 1 | 3 | 70 (50 to 900) |"
    check_browser([quick])
    with pytest.raises(SystemExit, match="301 ms is above 300"):
        check_browser([quick, slow])
