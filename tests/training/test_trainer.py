import random
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, sample_latent
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator

pytestmark = pytest.mark.usefixtures("full_length")


def train(recipe, art, folder, kimg, **settings):
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=settings.pop("callbacks", []), **settings)
    trainer.fit(kimg=kimg)
    return trainer


class StopAt(Callback):
    """Ask for the end after so many steps in all, as a person does."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if trainer.state.step == self.step:
            signal.raise_signal(signal.SIGINT)


def weights(trainer):
    state = trainer.state.state_dict()
    nets = [state["generator"], state["discriminator"], state["average"]]
    moments = [
        values
        for key in ("g_optimizer", "d_optimizer")
        for values in state[key].values()
    ]  # fmt: skip
    return [tensor for values in nets + moments for tensor in values.values()]


def test_training_changes_every_weight_and_fills_the_run_folder(recipe, art, tmp_path):
    trainer = train(recipe, art, tmp_path / "run", kimg=3)
    fresh = recipe.generator()
    run = trainer.run
    assert run.recipe() == recipe
    assert [round(row["kimg"]) for row in run.log()] == [1, 2, 3]
    assert run.log()[-1]["step"] == trainer.state.step
    assert {"d_loss", "g_loss", "real_probability", "fake_probability", "images_per_second"} <= set(
        run.log()[0]
    )
    assert all(0 <= row["real_probability"] <= 1 for row in run.log())
    assert len(run.samples()) == 4
    assert Image.open(run.samples()[-1]).size == (6 * 34 + 2, 6 * 34 + 2)
    loaded, _ = load_generator(run.folder)
    assert not torch.equal(loaded.main[0].weight, fresh.main[0].weight)
    assert trainer.state.images >= 3000


def test_samples_are_the_average_in_eval_mode_from_the_first_seeds(recipe, art, tmp_path):
    run = train(recipe, art, tmp_path / "run", kimg=1).run
    generator, _ = load_generator(run.folder)
    images = generate(generator, sample_latent(36, recipe.latent_dim, seed=0))
    grid = np.asarray(Image.open(run.samples()[-1]).convert("RGB")).astype(int)
    tile = grid[2 + 34 : 2 + 34 + 32, 2 + 68 : 2 + 68 + 32]  # second row, third column
    painted = ((images[8].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(int)
    assert np.abs(tile - painted).max() <= 1


SETTINGS = {
    "batch": {"augment": ("flip", "translate", "colour"), "hflip": True, "real_labels": (0.9, 1.0)},
    "turns": {"quarter_turns": True, "resize_stages": 1},
    "projected": {"projected": 0.5, "projected_every": 2, "d_norm": "spectral", "loss": "hinge"},
    "subpixel": {"family": "subpixel", "d_norm": "none", "init": "default", "minibatch_stddev": True},
    "spectral": {"d_norm": "spectral", "loss": "hinge"},
    "none": {"d_norm": "none", "label_noise": 0.05},
    "fresh": {"fakes": "fresh", "d_norm_first": True, "init": "default"},
    "3-2": {"d_steps": 3, "g_steps": 2},
    "2-1-epochs": {"d_steps": 2, "steps_in": "epochs", "fakes": "fresh"},
    "1-2-epochs": {"g_steps": 2, "steps_in": "epochs"},
    "noise": {"logit_noise": 0.5, "logit_noise_kimg": 1.2},
    "dropout": {"d_dropout": 0.2, "generator_labels": (0.95, 1.0)},
    "resize": {"family": "resize", "d_dropout": 0.25, "logit_noise": 0.2, "logit_noise_kimg": 3},
    "modern": {
        **{"family": "residual", "init": "default", "g_norm": "none", "d_norm": "none"},
        **{"loss": "relativistic", "penalty": (2.0, 0.2), "penalty_every": 3, "beta2_end": 0.9},
        **{"augment": ("translate", "colour"), "augment_p": (0.0, 0.5), "lr_end": 0.1, "ramp_kimg": 1.3},
        **{"ema_kimg": 0.5, "ema_start": 0.0},
    },
}


class Draw(Callback):
    """Draws from python's and numpy's streams, as a user's augmentation may; training feels it."""

    def on_step(self, trainer):
        next(trainer.state.generator.parameters()).data.mul_(1 + 1e-3 * (random.random() - np.random.rand()))


def disturb():
    """Draw from every stream, as whoever trains may do between two calls."""
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_an_interrupted_run_ends_with_the_same_bits(recipe, art, tmp_path, changes):
    recipe = replace(recipe, batch_size=32, width=2, **changes)
    disturb()
    whole = train(recipe, art, tmp_path / "whole", kimg=1.4, callbacks=[Draw()])
    for stop in (2, 7, 31, 32, None):  # whoever plays there; a row of the log is written after 32 steps
        parts = train(recipe, art, tmp_path / "parts", kimg=1.4, callbacks=[Draw(), StopAt(stop)])
        disturb()
    assert parts.state.step == whole.state.step
    assert same_state(whole.state.state_dict(), parts.state.state_dict())
    assert whole.run.log()
    assert without_time(parts.run.log()) == without_time(whole.run.log())
    assert [path.name for path in parts.run.samples()] == [path.name for path in whole.run.samples()]
    pairs = zip(parts.run.samples(), whole.run.samples(), strict=True)
    assert all(a.read_bytes() == b.read_bytes() for a, b in pairs)


def test_a_run_that_goes_on_in_the_same_trainer_ends_with_the_same_bits(recipe, art, tmp_path):
    whole = train(recipe, art, tmp_path / "whole", kimg=1.2)
    parts = Trainer(recipe, art, tmp_path / "parts", device="cpu", callbacks=[StopAt(9)])
    for _ in range(2):
        parts.fit(kimg=1.2)
        disturb()
    assert same_state(whole.state.state_dict(), parts.state.state_dict())


def test_training_leaves_everybody_else_s_random_numbers_alone(recipe, art, tmp_path):
    def draws():
        return random.random(), np.random.rand(), torch.rand(()).item()

    disturb()
    wanted = draws()
    disturb()
    train(recipe, art, tmp_path / "run", kimg=0.05, callbacks=[Draw()])
    assert draws() == wanted


def same_state(one, other):
    """Whether every tensor and every number is the same to the bit, but for the seconds that it took."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same_state(one[key], other[key]) for key in one if key != "seconds"
        )
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def without_time(rows):
    return [{k: v for k, v in row.items() if "second" not in k} for row in rows]


def test_an_error_of_a_callback_costs_no_step(recipe, art, tmp_path):
    """Such as that of a progress bar whose terminal is gone."""

    class Fail(Callback):
        def on_step(self, trainer):
            if trainer.state.step == 20:
                raise BrokenPipeError

    whole = train(recipe, art, tmp_path / "whole", kimg=0.6)
    with pytest.raises(BrokenPipeError):
        train(recipe, art, tmp_path / "run", kimg=0.6, callbacks=[Fail()])
    again = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    assert again.state.step == 20
    again.fit(kimg=0.6)
    assert same_state(whole.state.state_dict(), again.state.state_dict())


def test_auto_is_the_recipe_of_the_run_or_else_the_best_for_the_device(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.training.trainer.default_recipe", lambda kind: {"cpu": recipe}[kind])
    first = Trainer("auto", art, tmp_path / "run", device="cpu", callbacks=[])
    first.fit(kimg=0.02)
    assert first.recipe == recipe
    monkeypatch.setattr("ganlib.training.trainer.default_recipe", lambda kind: replace(recipe, width=5))
    assert Trainer("auto", art, tmp_path / "run", device="cpu", callbacks=[]).recipe == recipe
    assert Trainer("auto", art, tmp_path / "other", device="cpu", callbacks=[]).recipe.width == 5


def test_an_error_inside_a_step_saves_nothing_of_it(recipe, art, tmp_path, monkeypatch):
    trainer = train(recipe, art, tmp_path / "run", kimg=0.1)
    before = trainer.run.checkpoint_file.read_bytes()
    monkeypatch.setattr(
        "ganlib.training.steps.generator_step", lambda *_: (_ for _ in ()).throw(ZeroDivisionError)
    )
    with pytest.raises(ZeroDivisionError):
        trainer.fit(kimg=0.2)
    assert trainer.run.checkpoint_file.read_bytes() == before


def test_another_seed_gives_other_weights(recipe, art, tmp_path):
    first = train(recipe, art, tmp_path / "a", kimg=0.1)
    same = train(recipe, art, tmp_path / "b", kimg=0.1)
    other = train(replace(recipe, seed=1), art, tmp_path / "c", kimg=0.1)
    assert torch.equal(first.state.generator.main[0].weight, same.state.generator.main[0].weight)
    assert not torch.equal(first.state.generator.main[0].weight, other.state.generator.main[0].weight)


def test_an_interrupt_saves_everything_and_the_run_goes_on(recipe, art, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    trainer = train(recipe, art, tmp_path / "run", kimg=5, callbacks=[StopAt(7)])
    assert trainer.interrupted
    assert signal.getsignal(signal.SIGINT) is before
    again = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    assert again.state.step == 7
    assert load_generator(tmp_path / "run")


def test_held_out_pictures_are_never_shown(recipe, art, tmp_path):
    shown = set()

    class Watch(Callback):
        def on_start(self, trainer):
            draw = trainer.state.batches.next

            def watched():
                real = draw()
                shown.update(picture.numpy().tobytes() for picture in real)
                return real

            trainer.state.batches.next = watched

    train(recipe, art, tmp_path / "run", kimg=0.2, callbacks=[Watch()])
    assert shown == {picture.numpy().tobytes() for picture in art.tensor(art.train)}


def test_callbacks_hear_of_everything(recipe, art, tmp_path):
    heard = []

    class Listen(Callback):
        def on_start(self, trainer):
            heard.append("start")

        def on_step(self, trainer):
            heard.append("step")

        def on_log(self, trainer, row):
            heard.append("log")

        def on_sample(self, trainer, path):
            assert path.exists()
            heard.append("sample")

        def on_end(self, trainer):
            assert trainer.run.checkpoint_file.exists()
            heard.append("end")

    trainer = train(recipe, art, tmp_path / "run", kimg=1, callbacks=[Listen()])
    assert heard.count("step") == trainer.state.step
    assert (heard[0], heard[1], heard[-1]) == ("start", "sample", "end")
    assert heard.count("log") == 1


def test_the_progress_bar_says_what_is_asked_of_it(recipe, art, tmp_path, capsys):
    Trainer(recipe, art, tmp_path / "run", device="cpu").fit(kimg=0.2)
    shown = capsys.readouterr()
    for word in ("kimg", "pictures/s", " D ", " G ", "left", "100%"):
        assert word in shown.err
    assert "test starts on cpu" in shown.out
    assert "pictures a second: " in shown.out
    Trainer(recipe, art, tmp_path / "run", device="cpu").fit(kimg=0.3)
    assert "continues at 0.2 kimg" in capsys.readouterr().out


def test_pictures_of_another_size_are_a_sentence(art, tmp_path):
    with pytest.raises(GanlibError, match="wants pictures of 64 px, and 'blocks' has 32 px"):
        Trainer("portraits64", art, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_recipe_or_other_pictures_is_left_alone(recipe, art, tmp_path):
    trainer = train(recipe, art, tmp_path / "run", kimg=0.1)
    before = trainer.run.checkpoint_file.read_bytes()
    with pytest.raises(GanlibError, match="another recipe"):
        Trainer(replace(recipe, g_lr=1e-3), art, tmp_path / "run", device="cpu")
    fewer = ImageDataset(art.images[:40], "fewer")
    others = ImageDataset(255 - art.images, "others")
    for pictures in (fewer, others):
        with pytest.raises(GanlibError, match="other pictures"):
            Trainer(recipe, pictures, tmp_path / "run", device="cpu")
    assert trainer.run.checkpoint_file.read_bytes() == before


def test_an_unknown_device_is_a_sentence(recipe, art, tmp_path):
    with pytest.raises(GanlibError, match="no device 'tpu'"):
        Trainer(recipe, art, tmp_path / "run", device="tpu")


def test_another_precision_in_the_same_process_is_a_sentence(recipe, art, tmp_path):
    Trainer(recipe, art, tmp_path / "run", device="cpu")
    with pytest.raises(GanlibError, match="restart the kernel"):
        Trainer(recipe, art, tmp_path / "run", device="cpu", precision="bf16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_on_a_gpu_uses_its_precision_and_gives_finite_weights(recipe, art, tmp_path):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cuda", callbacks=[])
    trainer.fit(kimg=0.1)
    assert trainer.machine.precision in {"bf16", "fp16"}
    again = Trainer(recipe, art, tmp_path / "run", device="cuda", callbacks=[])
    again.fit(kimg=0.2)
    assert again.state.images > trainer.state.images
    assert all(tensor.isfinite().all() for tensor in weights(again))


def test_an_error_stands_on_a_line_of_its_own(recipe, art, tmp_path, capsys, monkeypatch):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu")
    monkeypatch.setattr(trainer.train_step, "_train", lambda _: (_ for _ in ()).throw(GanlibError("no more")))
    with pytest.raises(GanlibError, match="no more"):
        trainer.fit(kimg=1)
    assert capsys.readouterr().err.endswith("\n")


def test_a_process_that_would_train_elsewhere_is_a_sentence(recipe, art, tmp_path, monkeypatch):
    class Kept:
        device = torch.device("cuda", 0)

    monkeypatch.setattr("ganlib.training.trainer.Accelerator", lambda **_: Kept())
    with pytest.raises(GanlibError, match=r"cannot train on cpu.*restart the kernel"):
        train(recipe, art, tmp_path / "run", kimg=0.1)


def test_moments_lie_in_memory_as_the_weights_do(recipe, art, tmp_path):
    """A checkpoint may come from a device with another layout, where a fused Adam refuses to go on."""
    trainer = train(recipe, art, tmp_path / "run", kimg=0.1)
    state = trainer.state.state_dict()
    for moments in (state["g_optimizer"], state["d_optimizer"]):
        for place, values in moments.items():
            moments[place] = {name: tensor.contiguous() for name, tensor in values.items()}
    trainer.state.load_state_dict(state)
    for optimizer in (trainer.state.g_optimizer, trainer.state.d_optimizer):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for weight in weights:
            for name in ("exp_avg", "exp_avg_sq"):
                moment = optimizer.state[weight][name]
                assert moment.stride() == weight.stride()
                assert moment.abs().sum() > 0
    after = trainer.state.state_dict()
    for key in ("g_optimizer", "d_optimizer"):
        for place, values in after[key].items():
            assert all(torch.equal(tensor, state[key][place][name]) for name, tensor in values.items())


def test_a_gradient_too_large_for_its_precision_is_told_as_none(recipe, art, tmp_path):
    trainer = train(recipe, art, tmp_path / "run", kimg=0.1)
    next(trainer.state.nets()["generator"].parameters()).grad.fill_(torch.inf)
    measures = trainer.train_step.measures()
    assert measures["g_gradient"] is None
    assert measures["d_gradient"] > 0


def test_a_dozen_pictures_train_with_a_word_about_it(recipe, tmp_path, capsys):
    few = ImageDataset(np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), "few")
    run = Trainer(recipe, few, tmp_path / "few", device="cpu").fit(kimg=1.1)
    assert f"{len(few.train)} pictures are few: soon" in capsys.readouterr().out
    (row,) = run.log()
    assert row["epoch"] == pytest.approx(row["kimg"] * 1000 / len(few.train))
    again = Trainer(recipe, few, tmp_path / "few", device="cpu")
    assert again.state.batches.position <= again.state.batches.epoch_length
    again.fit(kimg=1.3)
