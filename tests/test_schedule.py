import pytest

from ganlib.recipes import Recipe
from ganlib.recipes.schedule import Schedule

WHO = {(True, True): "B", (True, False): "D", (False, True): "G"}


def played(schedule: Schedule, steps: int) -> str:
    """Who plays, a letter a step: D, G, or B for both."""
    return "".join(WHO[schedule.turn(step)] for step in range(steps))


@pytest.mark.parametrize(
    ("d_steps", "g_steps", "wanted"),
    [
        (1, 1, "BBBBBB"),
        (5, 1, "DDDDBDDDDBD"),
        (1, 2, "BGBGBG"),
        (1, 3, "BGGBGGB"),
        (2, 3, "DBGGDBGGD"),
        (3, 2, "DDBGDDBGDD"),
    ],
)
def test_d_plays_its_steps_then_g_its_own_and_they_share_one(d_steps, g_steps, wanted):
    schedule = Schedule(d_steps, g_steps)
    assert played(schedule, len(wanted)) == wanted
    period = played(schedule, schedule.length)
    assert (period.count("D") + period.count("B"), period.count("G") + period.count("B")) == (
        d_steps,
        g_steps,
    )
    assert schedule.share_of_discriminator == pytest.approx(d_steps / len(period))
    for step in range(len(wanted)):
        assert schedule.discriminator_steps(step) == step - wanted[:step].count("G")


def test_every_turn_is_somebody_s_and_begins_with_d():
    for d_steps in range(1, 5):
        for g_steps in range(1, 5):
            schedule = Schedule(d_steps, g_steps)
            assert all(any(schedule.turn(step)) for step in range(20))
            assert schedule.turn(0).discriminator


def test_a_plain_schedule_is_one_to_one():
    assert Schedule() == Schedule(1, 1) == Recipe("x").schedule(40)


def test_steps_are_batches_or_whole_epochs():
    assert Recipe("x", d_steps=3, g_steps=2).schedule(40) == Schedule(3, 2)
    epochs = Recipe("x", d_steps=3, g_steps=2, steps_in="epochs").schedule(40)
    assert epochs == Schedule(120, 80)
    assert played(epochs, 200) == "D" * 119 + "B" + "G" * 79 + "D"
