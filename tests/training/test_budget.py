import math
from types import SimpleNamespace

import pytest

from ganlib.errors import GanlibError
from ganlib.runtime.device import TINY_STEPS
from ganlib.training import budget as module
from ganlib.training.budget import Budget, Clock

pytestmark = pytest.mark.usefixtures("full_length")


class State(SimpleNamespace):
    """So many pictures of an epoch of 500, all of them shown to D."""

    def __init__(self, images, step=0):
        super().__init__(images=images, shown=images, step=step, seconds=7.0, batches=range(500))

    @property
    def kimg(self):
        return self.images / 1000

    @property
    def epochs(self):
        return self.images / 500

    def train(self, images):
        self.images += images
        self.shown += images
        self.step += 1


@pytest.fixture
def now(monkeypatch):
    """The time in seconds, which a test sets."""
    time = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: time.seconds)
    return time


def test_epochs_and_kimg_count_from_the_start_of_the_run(now):
    assert Clock(Budget(epochs=4), State(1000)).spent() == pytest.approx(0.5)
    assert Clock(Budget(kimg=4), State(3000)).spent() == pytest.approx(0.75)


def test_minutes_count_from_now(now):
    clock = Clock(Budget(minutes=2), State(9000))
    now.seconds += 30
    assert clock.spent() == pytest.approx(0.25)
    assert clock.seconds_left() == pytest.approx(90)


def test_the_first_limit_reached_ends_it(now):
    clock = Clock(Budget(kimg=1, minutes=100), state := State(0))
    assert clock.spent() == 0
    now.seconds += 6000
    assert clock.spent() == 1
    now.seconds -= 5999
    state.train(1000)
    assert clock.spent() == 1


def test_speed_and_the_time_left_follow_from_the_steps_after_the_first(now):
    clock = Clock(Budget(kimg=3), state := State(1000))
    assert clock.speed() == 0
    assert clock.seconds_left() == math.inf
    now.seconds += 60  # the first step warms up
    state.train(500)
    clock.count_step()
    now.seconds += 10
    state.train(500)
    clock.count_step()
    assert clock.speed() == pytest.approx(50)
    assert clock.seconds_left() == pytest.approx(1000 / 50)
    assert state.seconds == pytest.approx(7 + 70)
    assert Clock(Budget(epochs=6), State(1500)).seconds_left() == math.inf
    assert clock.forecast() == "50 pictures a second: less than a minute to reach 3 kimg (6 epochs)."


def test_where_g_has_steps_of_its_own_real_pictures_come_more_slowly(now):
    clock = Clock(Budget(kimg=3), state := State(1000), real_share=0.5)
    clock.count_step()
    now.seconds += 10
    state.train(500)
    assert clock.seconds_left() == pytest.approx(1500 / 25)


def test_a_tiny_run_ends_after_a_few_steps(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    clock = Clock(Budget(epochs=1000), state := State(100, step=10))
    state.step += TINY_STEPS - 1
    assert clock.spent() < 1
    state.step += 1
    assert clock.spent() == 1


@pytest.mark.parametrize(
    "values", [{"epochs": 0}, {"kimg": -1}, {"minutes": 0}, {"minutes": float("nan")}, {"kimg": float("inf")}]
)
def test_a_budget_must_be_above_zero(values):
    with pytest.raises(GanlibError, match="above zero"):
        Budget(**values)
