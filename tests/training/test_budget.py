from types import SimpleNamespace

import pytest

from ganlib.errors import GanlibError
from ganlib.runtime.device import TINY_STEPS
from ganlib.training.budget import Budget, Countdown

pytestmark = pytest.mark.usefixtures("full_length")


def state(images, step=0):
    return SimpleNamespace(
        images=images, step=step, kimg=images / 1000, epochs=images / 500, batches=range(500)
    )


def test_epochs_and_kimg_count_from_the_start_of_the_run():
    countdown = Countdown(Budget(epochs=4), state(1000))
    assert countdown.spent(state(1000), 0) == pytest.approx(0.5)
    assert Countdown(Budget(kimg=4), state(1000)).spent(state(3000), 1) == pytest.approx(0.75)


def test_minutes_count_from_now():
    countdown = Countdown(Budget(minutes=2), state(1000))
    assert countdown.spent(state(9000), 30) == pytest.approx(0.25)
    assert countdown.seconds_left(state(9000), 30, 50.0) == pytest.approx(90)


def test_the_first_limit_reached_ends_it():
    countdown = Countdown(Budget(kimg=1, minutes=100), state(0))
    assert countdown.spent(state(1000), 1) == 1
    assert countdown.spent(state(10), 6000) == 1


def test_the_time_left_follows_from_the_speed():
    countdown = Countdown(Budget(kimg=3), state(1000))
    assert countdown.seconds_left(state(1500), 10, 50.0) == pytest.approx(30)
    assert Countdown(Budget(epochs=6), state(1000)).seconds_left(state(1500), 10, 50.0) == pytest.approx(30)


def test_a_tiny_run_ends_after_a_few_steps(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    countdown = Countdown(Budget(epochs=1000), state(100, step=10))
    assert countdown.spent(state(110, step=10 + TINY_STEPS - 1), 1) < 1
    assert countdown.spent(state(110, step=10 + TINY_STEPS), 1) == 1


@pytest.mark.parametrize(
    "values", [{"epochs": 0}, {"kimg": -1}, {"minutes": 0}, {"minutes": float("nan")}, {"kimg": float("inf")}]
)
def test_a_budget_must_be_above_zero(values):
    with pytest.raises(GanlibError, match="above zero"):
        Budget(**values)
