"""The benchmarks run; what they measure is not judged here."""

import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import checkpoints, prepare, recipes, studio, throughput
from benchmarks.layout import LAYOUTS, rate
from benchmarks.machine import matrix_rate, spread, table
from benchmarks.throughput import (
    Race,
    arithmetic,
    comparison,
    decoding_loader,
    epoch_rates,
    make_jpegs,
    rates_of,
    report,
    verdict,
)
from ganlib.data.dataset import ImageDataset
from ganlib.data.loader import OnDevice
from ganlib.recipes import get_recipe
from ganlib.runtime.device import detect


@pytest.fixture
def narrow(recipe, monkeypatch):
    """Every recipe is one of nets as narrow as can be, of 32 px."""
    monkeypatch.setattr(throughput, "get_recipe", lambda _: recipe)
    return recipe


def test_all_loops_train_on_the_same_folder(tmp_path, full_length, narrow):
    make_jpegs(tmp_path / "jpegs", 24)
    for loop, epochs in (("tutorial, decoded", 2), ("ganlib", 3)):
        rates = rates_of(loop, tmp_path / "jpegs", Race(device="cpu", epochs=epochs))
        assert len(rates) == epochs
        assert all(rate > 0 for rate in rates)


def test_a_checkpoint_is_weighed(tmp_path, full_length, recipe, art, monkeypatch):
    monkeypatch.setattr(checkpoints, "get_recipe", lambda _: recipe)
    monkeypatch.setattr(checkpoints, "load_art", lambda *_: art)
    name, size, *seconds = checkpoints.row("narrow", tmp_path, times=2)
    written = (tmp_path / "narrow" / "checkpoint.pt").stat().st_size
    assert (name, size) == ("narrow", f"{written / 1e6:.1f}")
    assert all(0 <= float(each) < 60 for each in seconds)


def test_the_epochs_that_warm_up_do_not_count(tmp_path, monkeypatch):
    class Process(nullcontext):
        def __init__(self, *_):
            super().__init__(self)

        def submit(self, function, loop, folder, race):
            assert (function, folder, race.precision) == (rates_of, tmp_path, "bf16")
            return SimpleNamespace(result=lambda: [1.0, 2.0, 3.0, 4.0])

    monkeypatch.setattr(throughput, "ProcessPoolExecutor", Process)
    race = Race("artgan64", "cpu", "bf16", 30)
    rates = throughput.measure(tmp_path, race, 2, ("tutorial", "ganlib, compiled"))
    assert rates == {"tutorial": [2.0, 3.0, 4.0] * 2, "ganlib, compiled": [4.0] * 2}  # a tenth of 30


def test_the_tutorial_loop_decodes_normalises_and_trains(tmp_path, recipe):
    make_jpegs(tmp_path / "jpegs", 4)
    loader = decoding_loader(tmp_path / "jpegs", recipe)
    batch, _ = next(iter(torch.utils.data.DataLoader(loader.dataset, 4)))
    assert batch.shape == (4, 3, 32, 32)
    assert -1 <= batch.min() < -0.2
    assert 0.2 < batch.max() <= 1
    assert len(epoch_rates([(batch, batch)], recipe, "cpu", epochs=3)) == 3


def test_the_table_compares_medians_and_says_what_share_of_the_device_is_used(recipe):
    flops = arithmetic("ganlib", recipe)
    rates = {"tutorial": [10.0, 20.0, 40.0], "ganlib": [50.0, 40.0, 60.0]}
    rows = comparison(rates, recipe, {"tutorial": 40.0 * flops, "ganlib": 200.0 * flops})
    assert list(table(["loop", "rate", "all", "ratio", "GFLOP/s", "share"], rows))[2:] == [
        f"| tutorial | 20.0 (10.0 to 40.0) | 17.1 | 1.00 | {20 * flops / 1e9:.0f} | 50% |",
        f"| ganlib | 50.0 (40.0 to 60.0) | 48.6 | 2.50 | {50 * flops / 1e9:.0f} | 25% |",
    ]


def test_the_tutorial_is_not_credited_with_a_penalty_it_has_not(recipe):
    strict = replace(recipe, penalty=(1.0, 1.0), d_norm="none", fakes="fresh")
    assert arithmetic("tutorial", strict) == arithmetic("ganlib", replace(recipe, d_norm="none"))
    pairs = replace(recipe, d_norm="none", loss="relativistic")
    assert arithmetic("tutorial", pairs) == arithmetic("ganlib", replace(pairs, loss="bce"))
    assert arithmetic("tutorial", pairs) < arithmetic("ganlib", pairs)
    assert arithmetic("ganlib, compiled", strict) == arithmetic("ganlib", strict)
    assert arithmetic("ganlib", strict) > 2 * arithmetic("tutorial", strict)


def test_the_verdict_is_computed_against_the_loop_in_memory():
    rates = {"tutorial": [1.0], "tutorial, decoded": [10.0], "ganlib": [29.9], "ganlib, compiled": [30.0]}
    said = verdict(rates, "cuda").split("\n")
    assert said[0].startswith("In memory ganlib makes 2.99 times")
    assert said[0].endswith("on a GPU 3 are wanted: NOT reached.")
    assert said[1].endswith("on a GPU 3 are wanted: reached.")
    assert verdict(rates, "cpu").split("\n")[0].endswith("2.99 times the steps of the tutorial's loop.")


def test_the_report_divides_each_loop_by_the_products_in_its_precision(monkeypatch):
    asked = []
    monkeypatch.setattr(throughput, "matrix_rate", lambda device, word: asked.append((device, word)) or 1e12)
    rates = {"tutorial": [10.0], "tutorial, decoded": [20.0], "ganlib": [30.0]}
    said = report(Race("portraits64", "cpu", "bf16"), rates)
    assert asked == [("cpu", "no"), ("cpu", "bf16")]
    assert "in GFLOP/s: fp32 1,000, bf16 1,000." in said
    assert "64 px, batches of 64, 2.3 GFLOP a picture" in said
    assert ", bf16; " in said.split("\n")[0]
    assert "In memory ganlib makes 1.50 times" in said


def test_matrix_products_are_timed_and_leave_the_precision_as_it_was():
    before = torch.get_float32_matmul_precision()
    assert matrix_rate("cpu", "bf16", side=32) > 0
    rate = matrix_rate("cpu", "no", side=256)
    assert 1e8 < rate < 1e14
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_both_layouts_train_in_pairs_and_with_penalties_too(recipe, layout, precision):
    in_pairs = replace(recipe, loss="relativistic", d_norm="none", penalty=(1.0, 1.0), penalty_every=2)
    for each in (recipe, in_pairs):
        assert rate(each, layout, detect("cpu", precision), steps=2) > 0


def test_moves_in_the_studio_are_measured():
    times = studio.milliseconds_a_move("portraits", moves=2)
    assert len(times) == 2
    assert all(0 < time < 10_000 for time in times)


def test_recipes_are_put_side_by_side(tmp_path, monkeypatch, full_length):
    def narrow(name):
        return replace(get_recipe(name), size=32, width=1, art="portraits")

    monkeypatch.setattr(recipes, "get_recipe", narrow)
    runs = [recipes.train(name, tmp_path, 2.0, 5, "cpu") for name in ("portraits64", "artgan64")]
    sheet = recipes.picture(runs)
    left, right = (np.asarray(sheet.crop((x, 100, x + 300, 400)).convert("RGB")) for x in (80, 560))
    assert left.std() > 5
    assert not np.array_equal(left, right)
    assert recipes.row(runs[1])[0] == "artgan64"
    written = (tmp_path / "artgan64" / "log.jsonl").read_text()
    recipes.train("artgan64", tmp_path, 2.0, 5, "cpu")  # there already: nothing is done again
    assert (tmp_path / "artgan64" / "log.jsonl").read_text() == written


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux")
def test_preparing_is_measured(tmp_path):
    folder = tmp_path / "jpegs"
    make_jpegs(folder, 4, grain=3, quality=75)
    links = prepare.linked(sorted((folder / "art").iterdir()), tmp_path / "many", 70)
    seconds, again, peak = prepare.measured(prepare._PREPARE, links, 32, tmp_path / "set")
    assert seconds > 0
    assert again > 0
    assert 20 < peak < 400
    images = ImageDataset.open(tmp_path / "set")
    assert len(images) == 70
    assert all(rate > 0 for rate in prepare.epoch_rates(OnDevice(images, torch.device("cpu")), images))


def test_a_browser_that_follows_too_slowly_is_said():
    quick, slow = [50.0, 70.0, 900.0], [290.0, 301.0, 310.0]
    assert spread(quick, 0) == "70 (50 to 900)"
    studio.check([quick])
    with pytest.raises(SystemExit, match="301 ms is above 300"):
        studio.check([quick, slow])
