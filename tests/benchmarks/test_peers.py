"""The benchmark of peers: loops that resume to the bit, a stand-in for diffusers, table, picture."""

import itertools
import shutil
import signal
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks import peers, rivals
from benchmarks.peers import Job, Result, report, train
from benchmarks.rivals import DCGANExample, SmallDDPM
from ganlib.errors import GanlibError
from ganlib.evaluation.features import Extractor
from ganlib.evaluation.metrics import Manifold, MeanStd
from ganlib.evaluation.quality import BySize, Figures

pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture(autouse=True)
def _small(monkeypatch, recipe):
    """Nets that train in milliseconds, by a clock that goes on by a second when it is read."""
    ticks = itertools.count()
    monkeypatch.setattr(rivals, "time", SimpleNamespace(process_time=lambda: float(next(ticks))))
    monkeypatch.setattr(rivals, "get_recipe", lambda name: recipe)


class Scheduler:
    """As much noise as the time says."""

    def __init__(self, num_train_timesteps):
        self.last = num_train_timesteps

    def add_noise(self, images, noise, times):
        share = (times / self.last).view(-1, 1, 1, 1)
        return (1 - share) * images + share * noise


class UNet(nn.Module):
    """One convolution."""

    def __init__(self, sample_size, **_):
        super().__init__()
        assert sample_size == 32
        self.main = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images, times):
        assert times.shape == (len(images),)
        return SimpleNamespace(sample=self.main(images))


class Average:
    """The weights as they were before the last step."""

    def __init__(self, parameters, **_):
        self.step(parameters)

    def step(self, parameters):
        self.kept = [each.detach().clone() + 0.25 for each in parameters]

    def copy_to(self, parameters):
        for each, kept in zip(parameters, self.kept, strict=True):
            each.data.copy_(kept)

    def state_dict(self):
        return {"kept": self.kept}

    def load_state_dict(self, state):
        self.kept = state["kept"]


class Pipeline:
    """Pictures of the noise alone, from 0 to 1, with the first bias of the net in a corner."""

    called: list[int]

    def __init__(self, unet, scheduler):
        self.unet = unet

    def set_progress_bar_config(self, disable):
        assert disable

    def __call__(self, count, draws, num_inference_steps, output_type):
        assert (len(draws), num_inference_steps, output_type) == (count, 50, "np")
        assert not self.unet.training
        self.called.append(count)
        images = np.stack([torch.rand(32, 32, 3, generator=draw).numpy() for draw in draws])
        images[:, 0, 0, 0] = self.unet.main.bias[0].item()
        return SimpleNamespace(images=images)


@pytest.fixture
def diffusers(monkeypatch):
    """A stand-in for what is used of that library."""
    library, tools = ModuleType("diffusers"), ModuleType("diffusers.training_utils")
    library.DDPMScheduler, library.UNet2DModel, library.DDIMPipeline = Scheduler, UNet, Pipeline
    tools.EMAModel = Average
    library.__spec__ = "something"
    monkeypatch.setitem(sys.modules, "diffusers", library)
    monkeypatch.setitem(sys.modules, "diffusers.training_utils", tools)
    monkeypatch.setattr(Pipeline, "called", [], raising=False)


def opened(name, art, folder):
    return Job(name, 3, None, folder).open(art)


def pressing_after(steps):
    """Press Ctrl-C after so many steps."""
    left = itertools.count(1)
    return lambda _: next(left) == steps and signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", peers.SYSTEMS)
def test_a_run_that_was_stopped_comes_to_the_same_pictures(name, art, tmp_path, diffusers):
    whole, stopped = (opened(name, art, tmp_path / folder) for folder in ("whole", "stopped"))
    whole.train(9, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(9, pressing_after(3))  # within an epoch of the DDPM
    resumed = opened(name, art, tmp_path / "stopped")
    assert (resumed.seconds, resumed.kimg) == (3, pytest.approx(stopped.kimg))
    resumed.train(9, lambda _: None)
    assert (resumed.seconds, resumed.kimg) == (9, pytest.approx(whole.kimg))
    assert torch.equal(resumed.sample(5), whole.sample(5))


@pytest.mark.parametrize("name", peers.SYSTEMS)
def test_a_run_that_was_killed_goes_on_from_its_checkpoint_with_the_seconds_spent_until_then(
    name, art, tmp_path, diffusers
):
    system = opened(name, art, tmp_path)
    system.train(3, lambda _: None)
    kept = system.sample(5)
    folder = shutil.copytree(tmp_path, tmp_path / "killed")  # at this moment
    system.train(6, lambda _: None)
    assert not torch.equal(system.sample(5), kept)
    resumed = opened(name, art, tmp_path)
    assert resumed.seconds == 6
    assert torch.equal(resumed.sample(5), system.sample(5))
    resumed = Job(name, 3, None, folder).open(art)
    assert resumed.seconds == 3
    assert torch.equal(resumed.sample(5), kept)


def test_an_epoch_shows_every_training_picture_once(art, tmp_path):
    loop = DCGANExample(art, tmp_path, seed=0)
    count = len(art.train)
    assert 0 < count < loop.batch_size
    assert torch.equal(loop._batch().sum((1, 2, 3)).sort().values, loop.images.sum((1, 2, 3)).sort().values)
    loop.batch_size = count - 5
    assert [len(loop._batch()) for _ in range(4)] == [count - 5, 5, count - 5, 5]


def test_a_step_of_the_dcgan_example_is_that_of_logits(art, tmp_path):
    """The same step, written with logits and torch's own random numbers."""
    loop, other = (DCGANExample(art, tmp_path, seed=0) for _ in range(2))
    real = loop.images[:16]
    loop.step(real)
    bce = nn.functional.binary_cross_entropy_with_logits
    g, d = other.generator, other.discriminator
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (g, d))
    fake = g(torch.randn(16, 8, 1, 1, generator=other.random))
    (bce(d(real), torch.ones(16)) + bce(d(fake.detach()), torch.zeros(16))).backward()
    d_adam.step()
    bce(d(fake), torch.ones(16)).backward(inputs=list(g.parameters()))
    g_adam.step()
    for ours, theirs in zip(loop.parts.values(), (g, d), strict=False):
        for name, tensor in ours.state_dict().items():
            assert torch.allclose(tensor, theirs.state_dict()[name], atol=1e-5), name


def test_sampling_leaves_a_run_as_it_is(art, tmp_path):
    loop = DCGANExample(art, tmp_path, seed=0)
    before = {name: tensor.clone() for name, tensor in loop.generator.state_dict().items()}
    pictures = loop.sample(70)
    assert pictures.shape == (70, 3, 32, 32)
    assert torch.equal(pictures[:64], loop.sample(64))  # a batch of the example's
    assert all(torch.equal(tensor, before[name]) for name, tensor in loop.generator.state_dict().items())


def test_the_ddpm_is_sampled_by_the_librarys_pipeline_with_a_seed_for_each_picture(art, tmp_path, diffusers):
    loop = SmallDDPM(art, tmp_path, seed=0)
    loop.step(loop._batch())
    pictures = loop.sample(20)
    assert Pipeline.called == [16, 4]
    wanted = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(18)).permute(2, 0, 1) * 2 - 1
    assert torch.allclose(pictures[18, :, 1:], wanted[:, 1:])
    bias = loop.unet.main.bias[0].item()
    assert pictures[0, 0, 0, 0].item() == pytest.approx(2 * (bias + 0.25) - 1, abs=1e-5)  # the average's


class Halved(nn.Module):
    def forward(self, x):
        return x / 255


@pytest.fixture
def program(monkeypatch, art, tmp_path, diffusers):
    """The whole command, on the small pictures, by an extractor that costs nothing."""
    eye = Extractor("eye", 8, nn.Sequential(nn.Flatten(), Halved()), torch.device("cpu"))
    monkeypatch.setattr(peers, "load_art", lambda name, size: art)
    monkeypatch.setattr(peers, "get_extractor", lambda name, device: eye)
    monkeypatch.setattr(peers, "_SAMPLES", 40)
    marks = ["--minutes", "0.2", "0.1", "--runs", str(tmp_path)]
    return lambda *more: peers.main([*marks, *more])


def test_all_are_trained_measured_and_shown(program, tmp_path, capsys, monkeypatch):
    assert program("--seeds", "1", "0") == 0
    said = capsys.readouterr().out
    assert "eye: 40 samples next to" in said
    first, second = said.split("CPU minutes\n\n")[1:]
    for text, mark in ((first, 0.1), (second, 0.2)):
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
        assert [row[0].strip("| ") for row in rows[2:]] == [*peers.SYSTEMS, "real against real"]
        kimg = [Job("dcgan", seed, None, tmp_path).moment(mark).kimg for seed in (1, 0)]
        assert rows[2][9] == f"{np.mean(kimg):.1f} ({kimg[0]:.1f}, {kimg[1]:.1f})"
        assert rows[-1][9] == ""
    picture = Image.open(tmp_path / "peers.png")
    assert picture.width > picture.height > 800
    monkeypatch.setattr(Job, "open", lambda *_: pytest.fail("everything is trained"))
    monkeypatch.setattr(peers.Reference, "quality", lambda *_: pytest.fail("everything is measured"))
    assert program("--seeds", "1", "0") == 0
    assert capsys.readouterr().out.partition("CPU minutes")[2] == said.partition("CPU minutes")[2]


def test_ctrl_c_is_a_sentence_and_what_was_trained_is_saved(program, art, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(DCGANExample, "step", lambda *_: signal.raise_signal(signal.SIGINT))
    assert program("--only", "dcgan", "--seeds", "0") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert Job("dcgan", 0, None, tmp_path).open(art).seconds == 1


def test_mistakes_are_sentences(program, art, tmp_path, capsys, monkeypatch):
    job = Job("dcgan", 0, None, tmp_path)
    train(job, art, [2])
    with pytest.raises(GanlibError, match="is past 1 CPU minutes and has kept nothing there"):
        train(job, art, [1])
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert program("--seeds", "0") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "'ddpm' needs diffusers: pip install diffusers, or name the others after --only."


def test_a_run_of_another_precision_has_a_folder_of_its_own(tmp_path):
    names = [Job("modern64-cpu", 2, precision, tmp_path).name for precision in (None, "bf16")]
    assert names == ["modern64-cpu-2", "modern64-cpu-bf16-2"]


def test_the_table_gives_the_mean_and_the_value_of_each_seed(tmp_path):
    def result(number, **costs):
        kid, manifold = MeanStd(number, 1), Manifold(0.5, number / 4000, 0, 0)
        figures = Figures(40, BySize(kid, kid, kid), BySize(manifold, manifold, manifold), 40, 1.5, None)
        return Result(figures, number / 1e4, **costs)

    seeds = {
        (Job("ddpm", seed, None, tmp_path), 10.0): result(number, kimg=3, sampling=70)
        for seed, number in enumerate((1000.0, 2000.0, 600.0))
    }
    row, real = report(seeds, result(0.0)).splitlines()[-2:]
    kid = "1,200 (1,000, 2,000, 600)"
    precision, recall = "0.50 (0.50, 0.50, 0.50)", "0.30 (0.25, 0.50, 0.15)"
    assert row.startswith(f"| ddpm | {kid} | {kid} | {kid} | {precision} | {recall} | 1.50 (")
    assert row.endswith("| 3.0 (3.0, 3.0, 3.0) | 70.00 (70.00, 70.00, 70.00) |")
    assert real == "| real against real | 0 | 0 | 0 | 0.50 | 0.00 | 1.50 | 40 | 0.000 |  |  |"
