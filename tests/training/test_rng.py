import pytest
import torch

from ganlib.training.rng import RunRng

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist()


def test_a_run_draws_the_same_whatever_others_draw_meanwhile():
    rng = RunRng(CPU, 7)
    with rng.used():
        first, second = draw(), draw()
    again = RunRng(CPU, 7)
    with again.used():
        assert draw() == first
    draw(), draw()
    torch.manual_seed(3)
    with again.used():
        assert draw() == second
    assert first != second


def test_others_draw_the_same_whatever_the_run_draws():
    torch.manual_seed(1)
    wanted = [draw(), draw()]
    torch.manual_seed(1)
    found = [draw()]
    with RunRng(CPU, 2).used():
        draw()
    assert [*found, draw()] == wanted


def test_the_numbers_depend_on_the_seed():
    values = []
    for seed in (0, 1, 2**32 + 2, 2**40 - 3):
        with RunRng(CPU, seed).used():
            values.append(tuple(draw()))
    assert len(set(values)) == 4


@pytest.mark.parametrize("in_use", [True, False])
def test_a_state_that_was_saved_is_gone_back_to(in_use):
    rng, later = RunRng(CPU, 5), RunRng(CPU, 6)
    with rng.used():
        draw()
        state = rng.state_dict()
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


def test_a_state_of_another_device_is_left_out():
    rng, old = RunRng(CPU, 5), RunRng(CPU, 6)
    rng.load_state_dict({"cpu": old.state_dict()["cpu"], "cuda": torch.zeros(16, dtype=torch.uint8)})
    with rng.used():
        found = draw()
    with old.used():
        assert found == draw()


BROKEN = {
    "cut short": lambda s: {"cpu": s["cpu"][:100]},
    "of another type": lambda s: {"cpu": s["cpu"].float()},
    "no tensor": lambda s: {"cpu": 5},
    "none of torch": lambda s: {"numpy": s["cpu"]},
    "no dictionary": lambda s: [s],
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_state_is_refused_before_it_is_used(change):
    rng = RunRng(CPU, 5)
    before = torch.get_rng_state()
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        rng.check(change(rng.state_dict()))
    assert torch.equal(before, torch.get_rng_state())  # nobody else's state was set back
