import math

import pytest

from ganlib.recipes import Recipe
from ganlib.recipes.schedule import cosine


@pytest.mark.parametrize(
    ("share", "value"), [(-1, 2.0), (0, 2.0), (0.5, 1.1), (1, 0.2), (7, 0.2), (1 / 3, 0.2 + 1.8 * 0.75)]
)
def test_it_goes_from_start_to_end_and_stays_there(share, value):
    assert cosine(2.0, 0.2, share) == pytest.approx(value, abs=1e-12)


def test_it_is_flat_at_both_ends_and_steepest_in_the_middle():
    steps = [cosine(0.0, 1.0, (k + 1) / 100) - cosine(0.0, 1.0, k / 100) for k in range(100)]
    assert min(steps) == pytest.approx(steps[0]) == pytest.approx(steps[-1])
    assert max(steps) == pytest.approx(math.pi / 200, rel=1e-3)
    assert sum(steps) == pytest.approx(1)


def test_all_that_a_recipe_changes_follows_it():
    recipe = Recipe(
        "x",
        loss="relativistic",
        d_norm="none",
        betas=(0.0, 0.9),
        beta2_end=0.99,
        lr_end=0.25,
        penalty=(2.0, 0.2),
        augment=("flip",),
        augment_p=(0.0, 0.3),
        ramp_kimg=100,
        ema_kimg=40,
        ema_start=0.5,
    )
    assert recipe.at(0)[:2] == pytest.approx((1.0, 0.9))
    assert recipe.at(50)[:2] == pytest.approx((0.625, 0.945))
    assert recipe.at(300)[:2] == pytest.approx((0.25, 0.99))
    assert [recipe.at(kimg).penalty for kimg in (0, 50, 100)] == pytest.approx([2.0, 1.1, 0.2])
    assert [recipe.at(kimg).augment_p for kimg in (0, 50, 100)] == pytest.approx([0.0, 0.15, 0.3])
    assert [recipe.at(kimg).ema_kimg for kimg in (0, 50, 100)] == pytest.approx([20, 30, 40])


def test_without_a_ramp_nothing_changes():
    recipe = Recipe("x", lr_end=0.1, beta2_end=0.5, ema_start=0.1, d_norm="none", penalty=(3.0, 0.0))
    assert recipe.at(0)[:2] == recipe.at(10_000)[:2] == (1.0, 0.999)
    assert recipe.at(10_000).penalty == 3.0
    assert recipe.at(0).ema_kimg == recipe.at(10_000).ema_kimg == 5.0
