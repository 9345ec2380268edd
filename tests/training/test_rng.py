import random

import msgspec
import numpy as np
import pytest
import torch

from ganlib.training.rng import RunRng, Streams

CPU = torch.device("cpu")


def draw():
    return [random.random(), np.random.rand(), np.random.randn(), torch.rand(()).item(), random.gauss(0, 1)]


def test_a_run_draws_the_same_whatever_others_draw_meanwhile():
    streams = RunRng(CPU, 7)
    with streams.used():
        first, second = draw(), draw()
    again = RunRng(CPU, 7)
    with again.used():
        assert draw() == first
    draw(), draw()
    random.seed(3)
    with again.used():
        assert draw() == second
    assert first != second


def test_others_draw_the_same_whatever_the_run_draws():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    wanted = [draw(), draw()]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    found = [draw()]
    with RunRng(CPU, 2).used():
        draw()
    assert [*found, draw()] == wanted


def test_every_stream_depends_on_the_seed():
    values = []
    for seed in (0, 1, 2**32 + 2, 2**40 - 3):
        with RunRng(CPU, seed).used():
            values.append(draw())
    for stream in zip(*values, strict=True):
        assert len(set(stream)) == 4


@pytest.mark.parametrize("in_use", [True, False])
def test_a_state_that_was_saved_brings_every_stream_back(in_use):
    streams, later = RunRng(CPU, 5), RunRng(CPU, 6)
    with streams.used():
        draw()
        state = streams.state_dict()
        wanted = [draw() for _ in range(3)]
    later.check(state)
    if in_use:
        with later.used():
            later.load_state_dict(state)
            assert [draw() for _ in range(3)] == wanted
    else:
        later.load_state_dict(state)
        with later.used():
            assert [draw() for _ in range(3)] == wanted


def test_a_state_of_another_device_leaves_this_one_s_streams():
    streams, other = RunRng(CPU, 5), RunRng(CPU, 6)
    streams.load_state_dict({**other.state_dict(), "devices": {"cuda": torch.zeros(16, dtype=torch.uint8)}})
    with streams.used():
        found = draw()
    with other.used():
        assert draw() == found


BROKEN = {
    "a python state of another length": lambda s: {"python": (3, (1, 2, 3), None)},
    "a python state that is no triple": lambda s: {"python": 5},
    "a numpy state that points beyond its words": lambda s: {"numpy": (*s["numpy"][:2], 10**6, 0, 0.0)},
    "a numpy state with fewer words": lambda s: {"numpy": ("MT19937", [1, 2], 0, 0, 0.0)},
    "a torch state cut short": lambda s: {"cpu": s["cpu"][:100]},
    "a torch state of another type": lambda s: {"cpu": s["cpu"].float()},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_state_is_refused_before_it_is_used(change):
    streams = RunRng(CPU, 5)
    state = streams.state_dict()
    before = draw()
    with pytest.raises((ValueError, TypeError, LookupError, RuntimeError)):
        streams.check(msgspec.convert({**state, **change(state)}, Streams))
    assert before != draw()  # nobody else's stream was set back
