"""The benchmarks run; what they measure is not judged here."""

from dataclasses import replace

import pytest
import torch

from benchmarks.layout import LAYOUTS, seconds_a_step
from benchmarks.throughput import make_jpegs, rates_of, table
from benchmarks.tutorial_loop import decoding_loader, epoch_rates


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
