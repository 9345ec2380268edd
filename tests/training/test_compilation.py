"""Compiled nets compute and save what plain ones do, and where they cannot be had it is said."""

import inspect
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from ganlib.cli import main
from ganlib.errors import GanlibError
from ganlib.nets.base import Generator
from ganlib.training import compilation
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")
STEPS = 3  # an epoch of the pictures here, in batches of 17


@pytest.fixture
def spectral(recipe):
    return replace(recipe, d_norm="spectral", batch_size=17, augment=("flip",), loss="hinge")


@pytest.fixture
def by_dynamo_alone(monkeypatch):
    """Nets that are traced and guarded as ever, but run as they are, without the C++ compiler's minute."""
    compile_in_place = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda net, mode, **rest: compile_in_place(net, backend="eager", **rest)
    )
    monkeypatch.setattr("ganlib.training.trainer.check_compiler", lambda device: None)
    torch._dynamo.reset()
    counters.clear()


def fitted(recipe, art, folder, kimg, *, compiled):
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=[], compiled=compiled)
    trainer.fit(kimg=kimg)
    return trainer


def weights(trainer):
    nets = trainer.state.nets().items()
    return {f"{name}.{key}": tensor for name, net in nets for key, tensor in net.state_dict().items()}


def assert_close(one, other, tolerance):
    ours, theirs = weights(one), weights(other)
    assert list(ours) == list(theirs)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=tolerance, rtol=tolerance, msg=name)


def is_compiled(net):
    return net._compiled_call_impl is not None


def test_three_steps_and_a_fourth_from_the_others_checkpoint(spectral, art, tmp_path):
    three, four = 0.05, 0.067  # thousand pictures, just below as many steps
    plain = fitted(spectral, art, tmp_path / "plain", three, compiled=False)
    fast = fitted(spectral, art, tmp_path / "compiled", three, compiled=True)
    assert fast.state.step == STEPS
    assert is_compiled(fast.state.generator)
    assert is_compiled(fast.state.discriminator)
    assert_close(plain, fast, 1e-4)
    torch.testing.assert_close(plain.last_losses(), fast.last_losses(), atol=1e-4, rtol=0)
    opened = Trainer(spectral, art, tmp_path / "compiled", device="cpu", callbacks=[])
    assert_close(fast, opened, 0)
    plain_now = fitted(spectral, art, tmp_path / "compiled", four, compiled=False)
    fast_now = fitted(spectral, art, tmp_path / "plain", four, compiled=True)
    assert plain_now.state.step == fast_now.state.step == STEPS + 1
    assert_close(plain_now, fast_now, 1e-4)


def test_there_are_two_shapes_and_no_more_versions_than_they_need(recipe, art, tmp_path, by_dynamo_alone):
    short = replace(recipe, augment=("flip", "colour"), augment_p=(0.0, 1.0), ramp_kimg=0.1, hflip=True)
    fitted(short, art, tmp_path / "run", 0.06, compiled=True)  # an epoch and a bit, its last batch shorter
    first = counters["stats"]["unique_graphs"]
    assert first == 6  # G, D, and D frozen, of two shapes
    fitted(short, art, tmp_path / "run", 0.25, compiled=True)  # as a new one: each has its own
    assert counters["stats"]["unique_graphs"] == 2 * first


@pytest.mark.parametrize("known", [True, False])
def test_many_runs_in_a_process_are_all_compiled(recipe, monkeypatch, by_dynamo_alone, known):
    """Torch keeps eight versions of a function, of which a run needs two; an old one keeps none apart."""
    if not known:
        monkeypatch.setattr(compilation, "_own_versions", dict)
    for run in range(1, 6):
        state = pretended(recipe.generator(), recipe.discriminator(), "cpu", penalty=(1.0, 1.0))
        state.generator.main[0] = nn.ConvTranspose2d(8, run, 4)
        state.generator.main = state.generator.main[:1]
        compilation.compile_nets(state)
        for count in (4, 3):
            state.generator(torch.randn(count, 8))
    own = "isolate_recompiles" in inspect.signature(torch.compile).parameters
    assert counters["stats"]["unique_graphs"] == (10 if known and own else 8)


def test_fresh_fakes_and_alternating_players_stay_below_the_limit(recipe, art, tmp_path, by_dynamo_alone):
    several = replace(recipe, fakes="fresh", d_steps=2, d_dropout=0.1)
    fitted(several, art, tmp_path / "run", 0.25, compiled=True)
    assert counters["stats"]["unique_graphs"] <= 8  # G for D too, without a way back


def test_a_net_that_a_penalty_passes_through_is_left_alone(recipe, art, tmp_path, by_dynamo_alone):
    strict = replace(recipe, penalty=(1.0, 1.0), d_norm="none")
    trainer = Trainer(strict, art, tmp_path / "run", device="cpu", callbacks=[], compiled=True)
    assert is_compiled(trainer.state.generator)
    assert not is_compiled(trainer.state.discriminator)
    assert not is_compiled(trainer.state.ema.generator)
    plain = Trainer(strict, art, tmp_path / "run", device="cpu", callbacks=[])
    assert list(weights(trainer)) == list(weights(plain))
    trainer.fit(kimg=0.03)


def test_synchronised_norms_are_left_alone():
    net = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm2d(2)))
    plain = nn.Linear(2, 1)
    compilation.compile_nets(pretended(net, plain, "cpu"))
    assert not is_compiled(net)
    assert is_compiled(plain)


def pretended(generator, discriminator, device, penalty=(0.0, 0.0)):
    """A state as far as compiling looks at it."""
    return SimpleNamespace(
        generator=generator,
        discriminator=discriminator,
        accelerator=SimpleNamespace(device=torch.device(device)),
        recipe=SimpleNamespace(penalty=penalty),
        replayed=False,
    )


def test_cuda_replays_graphs_and_a_cpu_has_none(monkeypatch):
    modes, shapes_vary = [], []

    def note(net, mode, dynamic, **rest):
        modes.append(mode)
        shapes_vary.append(dynamic)

    monkeypatch.setattr(nn.Module, "compile", note)
    states = [pretended(nn.Linear(1, 1), nn.Linear(1, 1), device) for device in ("cpu", "cuda")]
    for state in states:
        compilation.compile_nets(state)
    assert modes == [None, None, "reduce-overhead", "reduce-overhead"]
    assert shapes_vary == [False] * 4
    assert [state.replayed for state in states] == [False, True]


def test_each_step_that_replays_graphs_is_announced_before_anything_is_painted(
    recipe, art, tmp_path, monkeypatch
):
    told = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: told.append("step"))
    paint = Generator.forward
    monkeypatch.setattr(Generator, "forward", lambda net, z: told.append("fake") or generate(net, z))
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    trainer._game.play()
    assert told == ["fake"]
    trainer.state.replayed = True
    trainer._game.play()
    trainer._game.play()
    assert told == ["fake", "step", "fake", "step", "fake"]


def broken(*arguments, **settings):
    raise RuntimeError("No working C++ compiler found.\nLong advice")


def test_without_a_compiler_a_sentence_comes_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", broken)
    arguments = ["train", "portraits64-cpu", "--run", str(tmp_path / "run"), "--device", "cpu", "--compile"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "does not work here (No working C++ compiler found): leave out --compile" in said
    assert "g++" in said
    assert "Long advice" not in said
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named_for_the_device(monkeypatch):
    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.setattr(torch, "ones", lambda *shape, device: None)
    with pytest.raises(GanlibError, match="Triton and a C compiler"):
        compilation.check_compiler(torch.device("cuda"))


def test_an_error_without_words_is_named_by_its_kind(monkeypatch):
    def silent(*arguments, **settings):
        raise NotImplementedError

    monkeypatch.setattr(torch, "compile", silent)
    with pytest.raises(GanlibError, match=r"here \(NotImplementedError\)"):
        compilation.check_compiler(torch.device("cpu"))


def test_who_does_not_ask_gets_plain_nets(recipe, art, tmp_path):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[])
    assert not is_compiled(trainer.state.generator)
    assert not is_compiled(trainer.state.discriminator)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "settings", [{}, {"fakes": "fresh", "d_steps": 2}, {"d_norm": "spectral", "augment": ("flip",)}]
)
def test_graphs_on_a_gpu_compute_what_plain_nets_do(recipe, art, tmp_path, settings):
    torch._dynamo.reset()
    counters.clear()
    alike = replace(recipe, **settings)
    ends = []
    for compiled in (False, True):
        trainer = Trainer(
            alike, art, tmp_path / f"{compiled}", device="cuda", callbacks=[], compiled=compiled
        )
        trainer.fit(kimg=0.3)  # six epochs: warmed up, recorded and replayed, whole batches and short ones
        ends.append(trainer)
    assert ends[1].state.replayed
    assert counters["inductor"]["cudagraph_skips"] == 0
    torch.testing.assert_close(ends[0].last_losses(), ends[1].last_losses(), atol=0.2, rtol=0.2)
    for net in ends[1].state.nets().values():
        assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
