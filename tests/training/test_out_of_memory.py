"""A run that may not fit says so before it starts, and one that has not fitted in one sentence."""

from dataclasses import replace

import pytest
import torch

from ganlib.costs import cost, shortage
from ganlib.errors import GanlibError
from ganlib.recipes import get_recipe
from ganlib.runtime.device import Machine, is_out_of_memory
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")

T4 = Machine(torch.device("cuda"), "fp16", "T4", 15.0)
CUDAS_WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.74 GiB"


def test_what_fits_is_not_spoken_of():
    assert shortage(get_recipe("modern512"), T4, 14 * 2**30) == ""


@pytest.mark.parametrize("processes", [1, 2])
def test_what_may_not_fit_is_told_with_a_batch_that_does(processes):
    recipe, free = replace(get_recipe("gallery512"), batch_size=256), 4 * 2**30
    found = shortage(recipe, T4, free, processes)
    costs = cost(recipe)
    assert f"takes up to {costs.memory(256 // processes, True) / 2**30:.1f} GiB, and 4.0 of cuda" in found
    batch = int(found.partition("lower batch_size to ")[2].split(",")[0])
    assert costs.memory(batch // processes, True) <= free < costs.memory(batch // processes + 1, True)


def test_the_progress_bar_says_so_before_the_first_step(recipe, art, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ganlib.training.callbacks.free_memory", lambda _: 2**10)
    Trainer(recipe, art, tmp_path / "run", device="cpu").fit(kimg=0.1)
    said = capsys.readouterr().out
    assert 0 < said.index("A step of test takes up to") < said.index("pictures a second")


def test_nets_of_ones_own_are_not_counted_by_the_recipe(recipe, art, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ganlib.training.callbacks.free_memory", lambda _: 2**10)
    Trainer(recipe, art, tmp_path / "run", device="cpu", generator=recipe.generator()).fit(kimg=0.03)
    assert "A step of test" not in capsys.readouterr().out


def test_after_it_ran_out_the_run_is_there_and_goes_on(recipe, art, tmp_path, monkeypatch):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[], save_minutes=0)
    train = trainer.train_step._train

    def until_the_fifth(turn):
        if trainer.state.step == 4:
            raise torch.OutOfMemoryError(CUDAS_WORDS)
        return train(turn)

    monkeypatch.setattr(trainer.train_step, "_train", until_the_fifth)
    with pytest.raises(GanlibError, match=r"Memory ran out on cpu.* --set batch_size=8\)"):
        trainer.fit(kimg=1)
    again = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    assert again.state.step == 4
    again.fit(kimg=0.1)
    smaller = replace(recipe, batch_size=8)
    next_one = Trainer(
        smaller, art, tmp_path / "next", device="cpu", callbacks=[], start_from=tmp_path / "run"
    )
    next_one.fit(kimg=0.03)
    assert next_one.state.kimg >= 0.03


def test_other_errors_stay_as_they_are(recipe, art, tmp_path, monkeypatch):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    monkeypatch.setattr(trainer.train_step, "_train", lambda _: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="size"):
        trainer.fit(kimg=1)


def test_a_cpu_that_runs_out_is_known_by_its_words():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**47)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
