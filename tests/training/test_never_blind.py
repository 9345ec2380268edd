"""A run that diverges, and what is kept, scored and said."""

from dataclasses import asdict, replace

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.evaluation.quality import Reference
from ganlib.latent.sampling import generate, sample_latent
from ganlib.run import Run
from ganlib.training.callbacks import Callback
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.logger import Evaluation
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator

pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture(autouse=True)
def _nothing_to_say(monkeypatch):
    """Random pictures teach nothing: the diagnostics have tests of its own."""
    monkeypatch.setattr("ganlib.training.logger.diagnose", lambda rows: [])


class Spoil(Callback):
    """Put a number into a weight after the steps named, as often as they are reached."""

    def __init__(self, *steps, value=float("nan"), once=True, net="discriminator"):
        self.steps, self.value, self.once, self.net = list(steps), value, once, net
        self.heard = []

    def on_step(self, trainer):
        if trainer.state.step in self.steps:
            if self.once:
                self.steps.remove(trainer.state.step)
            trainer.state.nets()[self.net].main[0].weight.data[0, 0, 0, 0] = self.value

    def on_warning(self, trainer, finding):
        self.heard.append(finding)


def open_run(recipe, art, folder, *callbacks, **settings):
    return Trainer(recipe, art, folder, device="cpu", callbacks=callbacks, **settings)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("net", ["discriminator", "generator"])
def test_a_run_that_diverges_goes_back_and_goes_on_with_half_the_rates(recipe, art, tmp_path, value, net):
    open_run(recipe, art, tmp_path / "run").fit(kimg=0.2)  # 15 steps
    spoil = Spoil(40, value=value, net=net)
    trainer = open_run(recipe, art, tmp_path / "run", spoil)
    trainer.fit(kimg=1.2)
    assert [finding.name for finding in spoil.heard] == ["training diverged"]
    assert "In step 41" in spoil.heard[0].seen
    assert "went back to 0.2 kimg" in spoil.heard[0].advice
    assert "g_lr=0.0001 and d_lr=0.0001 (rollback 1 of 3 at most)" in spoil.heard[0].advice
    assert trainer.state.kimg >= 1.2
    assert [warning["name"] for warning in trainer.run.log()[0]["warnings"]] == ["training diverged"]
    assert {group["lr"] for group in trainer.state.d_optimizer.param_groups} == {1e-4}
    again = open_run(recipe, art, tmp_path / "run")
    assert {group["lr"] for group in again.state.g_optimizer.param_groups} == {1e-4}
    assert again.state.rollbacks == 1


def test_a_run_that_diverges_before_it_was_ever_saved_goes_back_to_its_start(recipe, art, tmp_path):
    spoil = Spoil(2)
    trainer = open_run(recipe, art, tmp_path / "run", spoil)
    trainer.fit(kimg=0.2)
    assert "went back to 0.0 kimg" in spoil.heard[0].advice
    assert trainer.state.kimg >= 0.2


def test_after_three_rollbacks_a_diagnosis_says_what_was_seen_and_what_to_try(recipe, art, tmp_path):
    trainer = open_run(recipe, art, tmp_path / "run")
    trainer.fit(kimg=0.2)
    spoil = Spoil(30, once=False)
    trainer.callbacks = [spoil]
    with pytest.raises(GanlibError) as error:
        trainer.fit(kimg=1)
    assert len(spoil.heard) == 3
    assert [finding.advice.split("g_lr=")[1][:6] for finding in spoil.heard] == ["0.0001", "5e-05 ", "2.5e-0"]
    for words in ("in step 31", "halved 3 times, to g_lr=2.5e-05", "--set g_lr=2e-05"):
        assert words in str(error.value)
    generator, _ = load_generator(tmp_path / "run")
    assert all(weight.isfinite().all() for weight in generator.parameters())
    again = open_run(recipe, art, tmp_path / "run")  # the last checkpoint is whole
    assert again.state.kimg == pytest.approx(0.2, abs=0.02)
    assert again.state.rollbacks == 3
    assert again.state.is_finite()


def test_the_diagnosis_names_what_was_seen_before(recipe, art, tmp_path, monkeypatch):
    won = Diagnostic("discriminator wins", "D was sure.", "Slow it down.")
    monkeypatch.setattr("ganlib.training.logger.diagnose", lambda rows: [won])
    with pytest.raises(GanlibError, match=r"Seen before: discriminator wins \(D was sure\)\."):
        trainer = open_run(recipe, art, tmp_path / "run")
        trainer.fit(kimg=1)
        trainer.callbacks = [Spoil(trainer.state.step + 70, once=False)]
        trainer.fit(kimg=3)


def test_nothing_that_is_no_number_is_ever_saved(recipe, art, tmp_path):
    """Not even where the last step of the budget spoils a weight, or a save is due just then."""
    whole = open_run(recipe, art, tmp_path / "whole")
    whole.fit(kimg=0.3)
    spoil = Spoil(10, whole.state.step)
    trainer = open_run(recipe, art, tmp_path / "run", spoil, save_minutes=1e-9)
    trainer.fit(kimg=0.3)
    assert [finding.name for finding in spoil.heard] == ["training diverged"] * 2
    assert trainer.state.step == whole.state.step
    assert open_run(recipe, art, tmp_path / "run").state.is_finite()
    generator, _ = load_generator(tmp_path / "run")
    assert all(weight.isfinite().all() for weight in generator.parameters())


def test_what_the_diagnostics_see_is_told_once(recipe, art, tmp_path, monkeypatch):
    seen = Diagnostic("discriminator wins", "D was sure.", "Slow it down.")
    monkeypatch.setattr("ganlib.training.logger.diagnose", lambda rows: [seen] if len(rows) >= 2 else [])
    spoil = Spoil()
    open_run(recipe, art, tmp_path / "run", spoil).fit(kimg=3)
    trainer = open_run(recipe, art, tmp_path / "run", spoil)
    trainer.fit(kimg=5)
    assert spoil.heard == [seen]
    assert [row["warnings"] for row in trainer.run.log()] == [[], [asdict(seen)], [], [], []]


def test_the_diagnostics_are_shown_all_rows_with_what_was_measured(recipe, art, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("ganlib.training.logger.diagnose", lambda rows: shown.append(list(rows)) or [])
    open_run(recipe, art, tmp_path / "run").fit(kimg=2.5)
    open_run(recipe, art, tmp_path / "run").fit(kimg=4)
    assert [len(rows) for rows in shown] == [1, 2, 3, 4]
    row = shown[-1][-1]
    for name in ("d_loss", "g_loss", "d_gradient", "g_gradient", "diversity", "score"):
        assert row[name] >= 0
    assert shown[-1][-2]["score"] is None
    assert shown[-1][:3] == shown[-2]


def test_gradients_in_the_log_are_those_of_the_last_step(recipe, art, tmp_path):
    class Look(Callback):
        def on_log(self, trainer, row):
            for name, key in (("discriminator", "d_gradient"), ("generator", "g_gradient")):
                weights = trainer.state.nets()[name].parameters()
                whole = torch.cat([weight.grad.flatten() for weight in weights])
                assert row[key] == pytest.approx(whole.norm().item(), rel=1e-4)
                assert row[key] > 0

    open_run(recipe, art, tmp_path / "run", Look()).fit(kimg=1)


def test_the_best_generator_is_kept_beside_the_last(recipe, art, tmp_path, monkeypatch):
    scores = iter([0.5, 0.3, 0.4, 0.3])
    measures = (lambda pictures: 0.9, lambda pictures: next(scores))
    monkeypatch.setattr("ganlib.training.logger.RunLogger._measures", measures)
    kept = {}

    class Keep(Callback):
        def on_log(self, trainer, row):
            if row["score"]:
                generator = trainer.state.ema.generator
                kept[round(row["kimg"])] = generator.main[0].weight.clone()

    recipe = replace(recipe, batch_size=20, width=2)
    trainer = open_run(recipe, art, tmp_path / "run", Keep())
    trainer.fit(kimg=10)
    trainer = open_run(recipe, art, tmp_path / "run", Keep())
    assert trainer.state.best == (0.3, pytest.approx(8, abs=0.05), "score")
    trainer.fit(kimg=16)
    best, last = load_generator(trainer.run.best_file)[0], load_generator(trainer.run.folder)[0]
    assert torch.equal(best.main[0].weight, kept[8])
    assert not torch.equal(last.main[0].weight, kept[8])
    assert list(kept) == [4, 8, 12, 16]
    assert [row["score"] for row in trainer.run.log() if row["score"]] == [0.5, 0.3, 0.4, 0.3]


def test_an_evaluated_run_measures_kid_and_keeps_the_best_by_it(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.training.logger._COMPARED", 24)
    recipe = replace(recipe, batch_size=20, width=2)
    kept = {}

    class Keep(Callback):
        def on_log(self, trainer, row):
            kept[row["kid"]] = trainer.state.ema.generator.main[0].weight.clone()

    for kimg in (3, 8):  # interrupted, it goes on to the same
        trainer = open_run(recipe, art, tmp_path / "run", Keep(), evaluation=Evaluation(2))
        trainer.fit(kimg=kimg)
    rows = trainer.run.log()
    assert [round(row["kimg"]) for row in rows if row["kid"] is not None] == [2, 4, 6, 8]
    best = min(rows, key=lambda row: float("inf") if row["kid"] is None else row["kid"])
    assert trainer.state.best == (best["kid"], best["kimg"], "kid")
    assert [row["score"] is not None for row in rows] == [number % 4 == 0 for number in range(1, 9)]
    generator, _ = load_generator(trainer.run.best_file)
    assert torch.equal(generator.main[0].weight, kept[best["kid"]])
    reference = Reference.of(art, "lite0", 24)
    floor = f"{reference.baseline_kid().mean:z.0f}"
    with_what = f"lite0 at 96 px: 24 samples, shrunk to 16 px, next to 24 {reference.real_are}"
    assert {row["kid_with"] for row in rows if row["kid"]} == {f"{with_what}; real against real {floor}"}
    painted = generate(trainer.state.ema.generator, sample_latent(24, recipe.latent_dim, 1_000_000))
    assert rows[-1]["kid"] == pytest.approx(reference.kid(painted).mean, rel=1e-5)


def test_what_was_the_best_by_its_score_is_not_compared_with_a_kid(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.training.logger._COMPARED", 24)
    recipe = replace(recipe, batch_size=20, width=2)
    open_run(recipe, art, tmp_path / "run").fit(kimg=4)
    trainer = open_run(recipe, art, tmp_path / "run", evaluation=Evaluation(5))
    assert trainer.state.best.by == "score"
    trainer.fit(kimg=5)
    assert trainer.state.best.by == "kid"
    assert trainer.state.best.score > 100  # a score is at most about 1: it would have stayed the best
    best = trainer.state.best
    trainer = open_run(recipe, art, tmp_path / "run")
    trainer.fit(kimg=9)  # with scores alone, of which none is better than a KID
    assert any(row["score"] for row in trainer.run.log() if row["kimg"] > 6)
    assert trainer.state.best == best


@pytest.mark.parametrize("kimg", [0, 0.5, -3, float("nan")])
def test_an_evaluation_is_not_more_often_than_every_kimg(kimg):
    with pytest.raises(GanlibError, match="every 1 kimg or more"):
        Evaluation(kimg)


def test_an_evaluation_every_few_kimg_need_not_be_whole():
    assert [number for number in range(1, 11) if Evaluation(2.5).is_due(number)] == [3, 5, 8, 10]


def test_an_unknown_extractor_is_a_sentence_before_anything_is_trained(recipe, art, tmp_path):
    with pytest.raises(GanlibError, match="lite0, lite2, inception"):
        open_run(recipe, art, tmp_path / "run", evaluation=Evaluation(5, "vgg"))
    assert not (tmp_path / "run").exists()


def test_scoring_and_samples_draw_nothing_from_the_run_s_streams(recipe, art, tmp_path, monkeypatch):
    recipe = replace(recipe, width=2)
    plain = open_run(recipe, art, tmp_path / "plain")
    plain.fit(kimg=5)
    monkeypatch.setattr("ganlib.training.logger.score_is_due", lambda thousands: True)
    scored = open_run(recipe, art, tmp_path / "scored")
    scored.fit(kimg=5)
    assert torch.equal(plain.state.generator.main[0].weight, scored.state.generator.main[0].weight)
    assert [row["score"] is None for row in scored.run.log()] == [False] * 5
    assert [row["score"] is None for row in plain.run.log()] == [True, True, True, False, True]


def test_a_rollback_leaves_no_gap_and_no_double_in_log_and_samples(recipe, art, tmp_path):
    recipe = replace(recipe, width=2)
    trainer = open_run(recipe, art, tmp_path / "run")
    trainer.fit(kimg=1.5)
    trainer.callbacks = [Spoil(trainer.state.step + 100)]
    trainer.fit(kimg=4.5)
    assert [round(row["kimg"]) for row in Run(tmp_path / "run").log()] == [1, 2, 3, 4]
    steps = [int(path.stem) for path in trainer.run.samples()]
    rows = [row["step"] for row in trainer.run.log()]
    assert steps == [0, *rows, trainer.state.step]
