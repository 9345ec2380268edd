"""A run that may not fit says so before it starts, and one that has not fitted in one sentence."""

from dataclasses import replace

import pytest
import torch

from ganlib.costs import cost
from ganlib.errors import GanlibError
from ganlib.recipes import get_recipe
from ganlib.runtime.device import Machine, is_out_of_memory
from ganlib.training.callbacks import Callback
from ganlib.training.diagnostics import short_memory
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")

T4 = Machine(torch.device("cuda"), "fp16", "T4", 15.0)
CUDAS_WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.74 GiB"


def test_what_fits_is_not_spoken_of():
    assert short_memory(get_recipe("modern512"), T4, 14 * 2**30) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_what_may_not_fit_is_told_with_a_batch_that_does(processes):
    recipe, free = replace(get_recipe("gallery512"), batch_size=256), 4 * 2**30
    (found,) = short_memory(recipe, T4, free, processes)
    costs = cost(recipe)
    needed = f"{costs.memory(256 // processes, True) / 2**30:.1f} GiB"
    assert found.seen == f"A step takes up to {needed}, and only 4.0 GiB are free on the GPU."
    batch = int(found.advice.partition("lower batch_size to ")[2].split(",")[0])
    assert costs.memory(batch // processes, True) <= free < costs.memory(batch // processes + 1, True)
    (hopeless,) = short_memory(recipe, T4, 2**20, processes)
    assert hopeless.advice == "If it does, lower size or width."


class Listener(Callback):
    def __init__(self):
        self.heard = []

    def on_warning(self, trainer, diagnostic):
        self.heard.append((trainer.state.step, diagnostic.name))


def test_it_is_said_before_the_first_step_to_whoever_listens(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.training.trainer.free_memory", lambda _: 2**10)
    listener = Listener()
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[listener])
    trainer.fit(kimg=0.03)
    assert listener.heard == [(0, "memory may run out")]


def test_nets_of_ones_own_are_not_counted_by_the_recipe(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.training.trainer.free_memory", lambda _: 2**10)
    listener, own = Listener(), recipe.generator()
    settings = {"device": "cpu", "generator": own, "callbacks": [listener]}
    Trainer(recipe, art, tmp_path / "run", **settings).fit(kimg=0.03)
    assert listener.heard == []


def test_after_it_ran_out_the_run_is_there_and_goes_on(recipe, art, tmp_path, monkeypatch):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[], save_minutes=0)
    train = trainer.train_step._train

    def until_the_fifth(turn):
        if trainer.state.step == 4:
            raise torch.OutOfMemoryError(CUDAS_WORDS)
        return train(turn)

    monkeypatch.setattr(trainer.train_step, "_train", until_the_fifth)
    with pytest.raises(GanlibError, match=r"Memory ran out on cpu.* --set batch_size=8, in Python"):
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
    for words in ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "MPS backend out of memory"):
        assert is_out_of_memory(RuntimeError(words))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
