import copy
import json
import math
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganlib.data.dataset import ImageDataset
from ganlib.runtime.device import TINY_STEPS
from ganlib.training import steps as module
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")


def pictures(count: int) -> ImageDataset:
    """So many small random pictures to train on, and none held out."""
    coarse = np.random.default_rng(6).integers(0, 256, (count + count // 3 + 9, 4, 4, 3), dtype=np.uint8)
    more = ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")
    return ImageDataset(more.images[more.train[:count]], "blocks")


def build(recipe, art, folder, *callbacks):
    return Trainer(recipe, art, folder, device="cpu", callbacks=list(callbacks))


class Stop(Callback):
    """Ends the run after so many steps, by hand: nothing is asked of the clock."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if trainer.state.step == self.step:
            trainer.stop()


def copies(state):
    """Copies of what each step may change: weights, BatchNorm's statistics, and their counts of batches."""
    parts = {}
    for name, net in (
        ("g", state.generator),
        ("d", state.discriminator),
        ("average", state.ema.generator),
    ):
        values = copy.deepcopy(net.state_dict())
        parts[f"{name} weights"] = [values[key] for key, _ in net.named_parameters()]
        parts[f"{name} seen"] = {int(v) for key, v in values.items() if key.endswith("tracked")}
        parts[f"{name} statistics"] = [v for key, v in values.items() if "running" in key]
    return parts


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Copies(Callback):
    def __init__(self):
        self.all = []

    def on_start(self, trainer):
        self.all.append(copies(trainer.state))

    def on_step(self, trainer):
        self.all.append(copies(trainer.state))


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({}, "BBBBB"),
        ({"fakes": "fresh"}, "BBBBB"),
        ({"d_steps": 3, "g_steps": 2}, "DDBGDDBGD"),
        ({"d_steps": 3, "g_steps": 2, "fakes": "fresh"}, "DDBGDDBGD"),
        ({"g_steps": 2}, "BGBGB"),
        ({"d_steps": 2, "steps_in": "epochs"}, "DDDBGDDDB"),
        ({"g_steps": 2, "steps_in": "epochs"}, "DBGGGDBGG"),
    ],
)
def test_only_who_plays_learns(recipe, tmp_path, changes, who):
    """BatchNorm's statistics, unlike weights, follow every picture that a net paints or sees in training."""
    watch, fresh = Copies(), changes.get("fakes") == "fresh"
    build(replace(recipe, **changes), pictures(24), tmp_path / "run", watch, Stop(len(who))).fit(kimg=9)
    painted = seen = 0
    for letter, (before, after) in zip(who, pairwise(watch.all), strict=True):
        d_plays, g_plays = letter in "DB", letter in "GB"
        assert same(before["d weights"], after["d weights"]) != d_plays
        assert same(before["g weights"], after["g weights"]) != g_plays
        assert same(before["average weights"], after["average weights"]) != g_plays
        painted += 2 if letter == "B" and fresh else 1  # once for both, or once for each of them
        seen += 2 * d_plays + g_plays  # real and painted ones in D's step, painted ones in G's
        assert after["g seen"] == {painted}
        assert after["d seen"] == {seen}
        assert not same(before["g statistics"], after["g statistics"])
        assert not same(before["d statistics"], after["d statistics"])
        if g_plays:
            assert after["average seen"] == {painted}


def test_kimg_and_epochs_count_only_real_pictures_that_d_saw(recipe, tmp_path):
    class Count(Callback):
        def __init__(self):
            self.rows = []

        def on_step(self, trainer):
            state = trainer.state
            self.rows.append((state.images, state.shown, state.kimg, state.epochs))

    count = Count()
    recipe = replace(recipe, d_steps=2, g_steps=3)  # D, both, G, G
    build(recipe, pictures(24), tmp_path / "run", count, Stop(8)).fit(kimg=9)
    real = [16, 8, 0, 0, 16, 8, 0, 0]  # an epoch is a batch of 16 and one of 8
    shown = [16, 8, 16, 16, 16, 8, 16, 16]
    assert [row[0] for row in count.rows] == np.cumsum(real).tolist()
    assert [row[1] for row in count.rows] == np.cumsum(shown).tolist()
    assert [row[2] for row in count.rows] == pytest.approx(np.cumsum(real) / 1000)
    assert [row[3] for row in count.rows] == pytest.approx(np.cumsum(real) / 24)


def test_the_log_has_null_for_what_was_not_played_and_means_of_what_was(recipe, tmp_path):
    played = []

    class Watch(Callback):
        def on_start(self, trainer):
            play = trainer.train_step._train

            def watched(turn):
                values = play(turn)
                played.append([None if value is None else value.item() for value in values])
                return values

            trainer.train_step._train = watched

    recipe = replace(recipe, width=2, batch_size=50, d_steps=30, g_steps=41)
    trainer = build(recipe, pictures(50), tmp_path / "run", Watch(), Stop(70))
    trainer.fit(kimg=9)
    text = trainer.run.log_file.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in text]
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert [row["kimg"] for row in rows] == [1.0, 1.5, 1.5]  # only G plays after step 30
    assert '"g_loss": null' in text[0]
    assert '"d_loss": null, ' in text[2]
    names = ("d_loss", "g_loss", "real_probability", "fake_probability")
    for number, row in enumerate(rows):
        for place, name in enumerate(names):
            values = [step[place] for step in played[20 * number : 20 * number + 20]]
            values = [value for value in values if value is not None]
            assert (row[name] is None) == (not values)
            if values:
                assert row[name] == pytest.approx(sum(values) / len(values), rel=1e-4)
    assert [row["g_loss"] is None for row in rows] == [True, False, False]
    assert [row["d_loss"] is None for row in rows] == [False, False, True]


@pytest.fixture
def fakes(monkeypatch):
    """The fakes that each player was given, as they come."""
    given = SimpleNamespace(d=[], g=[])
    teach_d, teach_g = module.discriminator_step, module.generator_step

    def d_step(net, adam, loss, real, fake, *rest):
        given.d.append(fake)
        return teach_d(net, adam, loss, real, fake, *rest)

    def g_step(net, adam, loss, fake, *rest):
        given.g.append(fake)
        return teach_g(net, adam, loss, fake, *rest)

    monkeypatch.setattr(module, "discriminator_step", d_step)
    monkeypatch.setattr(module, "generator_step", g_step)
    return given


def test_shared_fakes_are_painted_once_for_both(recipe, tmp_path, fakes):
    build(recipe, pictures(24), tmp_path / "run", Stop(4)).fit(kimg=9)
    assert all(d is g for d, g in zip(fakes.d, fakes.g, strict=True))
    assert [len(fake) for fake in fakes.d] == [16, 8, 16, 8]


@pytest.mark.parametrize("changes", [{}, {"d_steps": 2, "g_steps": 2}])
def test_fresh_fakes_are_others_than_d_saw(recipe, tmp_path, fakes, changes):
    recipe = replace(recipe, fakes="fresh", **changes)
    build(recipe, pictures(24), tmp_path / "run", Stop(6)).fit(kimg=9)
    seen = [picture for batch in fakes.d for picture in batch]
    for batch in fakes.g:
        assert not any(torch.allclose(picture, other, atol=1e-4) for picture in batch for other in seen)
    assert not any(fake.requires_grad for fake in fakes.d)  # G cannot learn from D's, which spares its graph
    assert all(fake.requires_grad for fake in fakes.g)


def test_g_alone_learns_from_new_fakes_in_every_step(recipe, tmp_path, fakes):
    build(replace(recipe, g_steps=3), pictures(24), tmp_path / "run", Stop(6)).fit(kimg=9)
    assert (len(fakes.d), len(fakes.g)) == (2, 6)
    assert all(fake.requires_grad for fake in fakes.g)
    for one, other in pairwise(fakes.g):
        assert not torch.allclose(one[:8], other[:8], atol=1e-4)
    assert [len(fake) for fake in fakes.g] == [16, 16, 16, 8, 16, 16]


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"epochs": 1}, 4),
        ({"epochs": 1.5}, 13),
        ({"epochs": 2}, 15),
        ({"kimg": 0.06}, 12),
        ({"kimg": 0.09}, 14),
    ],
)
def test_a_budget_ends_a_run_in_which_g_plays_whole_epochs(recipe, tmp_path, budget, steps):
    recipe = replace(recipe, g_steps=2, steps_in="epochs")  # DDDB, then G seven times
    trainer = build(recipe, pictures(56), tmp_path / "run")
    trainer.fit(**budget)
    assert (trainer.state.step, trainer.clock.spent()) == (steps, 1)
    trainer.fit(**budget)
    assert trainer.state.step == steps


def test_a_tiny_run_ends_while_g_plays_alone(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    trainer = build(replace(recipe, g_steps=90), pictures(24), tmp_path / "run")
    trainer.fit(epochs=5)
    assert trainer.state.step == TINY_STEPS
    assert trainer.state.images == 16


@pytest.mark.parametrize(
    "changes",
    [{}, {"steps_in": "epochs"}, {"g_steps": 3}, {"d_steps": 2, "g_steps": 2, "steps_in": "epochs"}],
    ids=["1-1", "1-1-epochs", "1-3", "2-2-epochs"],
)
def test_samples_come_with_every_thousand_and_with_every_epoch_of_a_thousand_or_more(
    recipe, tmp_path, changes
):
    recipe = replace(recipe, width=1, batch_size=300, **changes)
    art, steps = pictures(1300), 20  # an epoch is 300, 300, 300, 300, 100
    trainer = build(recipe, art, tmp_path / "run", Stop(steps))
    trainer.fit(kimg=99)

    schedule, wanted = recipe.schedule(5), {0, steps}
    seen = shown = 0
    for step in range(steps):
        d_plays = schedule.turn(step).discriminator
        count = (100 if seen % 1300 == 1200 else 300) if d_plays else 300
        seen += count if d_plays else 0
        thousand = (shown + count) // 1000 > shown // 1000
        shown += count
        if thousand or (d_plays and seen % 1300 == 0):
            wanted.add(step + 1)
    assert [int(path.stem) for path in trainer.run.samples()] == sorted(wanted)
    assert len(wanted) < steps


def test_epochs_of_few_pictures_give_no_samples_of_their_own(recipe, tmp_path):
    trainer = build(replace(recipe, width=1, batch_size=100), pictures(999), tmp_path / "run", Stop(12))
    trainer.fit(kimg=9)
    assert [int(path.stem) for path in trainer.run.samples()] == [0, 11, 12]  # 10 steps are an epoch of 999


class Forecast(Callback):
    def on_step(self, trainer):
        if trainer.state.step == 5:
            self.left, self.text = trainer.clock.seconds_left(), trainer.forecast()


@pytest.mark.parametrize(
    ("changes", "left", "text"),
    [
        ({}, 25, "10 pictures a second: less than a minute to reach 0.3 kimg (6 epochs)."),
        ({"g_steps": 3}, 84, "10 pictures a second: about 1.4 minutes to reach 0.3 kimg (6 epochs)."),
    ],
)
def test_the_forecast_knows_how_often_d_plays(recipe, tmp_path, monkeypatch, changes, left, text):
    forecast = Forecast()
    trainer = build(replace(recipe, batch_size=10, **changes), pictures(50), tmp_path / "run", forecast)
    clock = SimpleNamespace(monotonic=lambda: float(trainer.state.step))  # every step takes a second
    monkeypatch.setattr("ganlib.training.budget.time", clock)
    trainer.fit(kimg=0.3)
    assert forecast.left == pytest.approx(left)
    assert forecast.text == text


def test_noise_on_d_s_output_falls_evenly_to_nothing(recipe, tmp_path, monkeypatch):
    spreads = []
    with_noise = module.with_noise
    monkeypatch.setattr(
        module, "with_noise", lambda loss, spread: spreads.append(spread) or with_noise(loss, spread)
    )
    recipe = replace(recipe, batch_size=20, logit_noise=0.5, logit_noise_kimg=0.1, d_steps=2, g_steps=2)
    build(recipe, pictures(40), tmp_path / "run", Stop(12)).fit(kimg=9)
    assert spreads[:5] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    assert spreads[5:] == [0.0] * 3  # not nearly nothing: nothing
    assert len(spreads) == 8  # D's turns alone


def test_noise_is_on_the_loss_of_d_and_neither_on_g_s_nor_on_the_probabilities(recipe, tmp_path):
    def first_step(**changes):
        rows = []

        class Watch(Callback):
            def on_step(self, trainer):
                rows.append(trainer.train_step.last_values.tolist())

        changed = replace(recipe, d_lr=1e-30, g_lr=1e-30, **changes)  # weights stand still
        build(changed, pictures(24), tmp_path / str(changes), Watch(), Stop(1)).fit(kimg=9)
        return rows[0]

    quiet, noisy = first_step(), first_step(logit_noise=2.0, logit_noise_kimg=1)
    assert abs(quiet[0] - noisy[0]) > 0.01
    assert quiet[1:] == pytest.approx(noisy[1:], rel=1e-6)
    assert all(math.isfinite(value) for value in quiet + noisy)
