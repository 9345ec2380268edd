"""Each reference system as a plain loop, written from the description of its project, beside our own.

The plain loops know nothing of ganlib's steps, losses, schedules and nets: they take only the pictures, the
first weights and the seed. They end in a sigmoid and a cross-entropy of probabilities, as the projects do.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlib.data.dataset import ImageDataset
from ganlib.recipes import get_recipe
from ganlib.training.callbacks import Callback
from ganlib.training.rng import RunRng
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")

BATCH, PICTURES, STEPS, SEED = 4, 10, 3, 5  # the third batch is short: two pictures
NOISE_KIMG = 0.009  # as tiny as the run, so that the noise is seen to fall
Loop = Callable[[nn.Module, nn.Module, list[Tensor]], Iterator[tuple[float, float]]]


def dcgan(size: int, latent: int, width: int, first: bool, dropout: float) -> tuple[nn.Module, nn.Module]:
    """Transposed convolutions 4x4 against convolutions 4x4 of stride two, no biases."""
    wide = {64: [8, 4, 2, 1], 512: [8, 8, 8, 8, 4, 2, 1]}[size]
    channels = [width * times for times in wide]
    g_layers = [
        nn.ConvTranspose2d(latent, channels[0], 4, bias=False),
        nn.BatchNorm2d(channels[0]),
        nn.ReLU(),
    ]
    for a, b in pairwise(channels):
        g_layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    g_layers += [nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]
    channels.reverse()
    d_layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 4, 2, 1, bias=False)]
    d_layers += [nn.BatchNorm2d(channels[0])] if first else []
    d_layers += [nn.LeakyReLU(0.2)]
    for a, b in pairwise(channels):
        d_layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        d_layers += [nn.Dropout(dropout)] if dropout else []
    d_layers += [nn.Conv2d(channels[-1], 1, 4, bias=False), nn.Flatten(0), nn.Sigmoid()]
    return nn.Sequential(nn.Unflatten(1, (latent, 1, 1)), *g_layers), nn.Sequential(*d_layers)


def resizing(latent: int, width: int) -> tuple[nn.Module, nn.Module]:
    """A dense layer, four times resize and convolve 3x3, against five 3x3 convolutions of stride two."""
    wide = 4 * width
    g_layers = [nn.Linear(latent, wide * 16), nn.ReLU(), nn.Unflatten(1, (wide, 4, 4))]
    for _ in range(4):
        g_layers += [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(wide, wide, 3, padding=1)]
        g_layers += [nn.BatchNorm2d(wide, momentum=0.2), nn.ReLU()]
    g_layers += [nn.Conv2d(wide, 3, 3, padding=1), nn.Tanh()]
    channels = [width // 2 * times for times in (1, 2, 4, 8, 16)]
    d_layers = [nn.Conv2d(3, channels[0], 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout(0.25)]
    for a, b in pairwise(channels):
        d_layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b, momentum=0.2), nn.LeakyReLU(0.2)]
        d_layers += [nn.Dropout(0.25)]
    d_layers += [nn.Flatten(), nn.Linear(channels[-1] * 4, 1), nn.Flatten(0)]
    return nn.Sequential(*g_layers), nn.Sequential(
        *d_layers
    )  # noise comes before the sigmoid: it is in the loop


def cross_entropy(probability: Tensor, labels: Tensor) -> Tensor:
    return -(labels * probability.log() + (1 - labels) * (1 - probability).log()).mean()


def even(low: float, high: float, count: int) -> Tensor:
    return low + (high - low) * torch.rand(count)


def adam(net: nn.Module, rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=rate, betas=(0.5, 0.999), fused=False)


def portraits64(g: nn.Module, d: nn.Module, batches: list[Tensor]) -> Iterator[tuple[float, float]]:
    g_adam, d_adam = adam(g, 2e-4), adam(d, 2e-4)
    for real in batches:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        fake = g(torch.randn(len(real), 100))
        d_loss = cross_entropy(d(real), ones) + cross_entropy(d(fake.detach()), zeros)
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        g_loss = cross_entropy(d(fake), ones)
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        yield d_loss.item(), g_loss.item()


def gallery512(g: nn.Module, d: nn.Module, batches: list[Tensor]) -> Iterator[tuple[float, float]]:
    g_adam, d_adam = adam(g, 2e-4), adam(d, 2e-4)
    for real in batches:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        fake = g(torch.randn(len(real), 256)).detach()
        d_loss = cross_entropy(d(real), ones) + cross_entropy(d(fake), zeros)
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        g_loss = cross_entropy(d(g(torch.randn(len(real), 256))), ones)  # on fakes that D has not seen
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        yield d_loss.item(), g_loss.item()


def artportraits64(g: nn.Module, d: nn.Module, batches: list[Tensor]) -> Iterator[tuple[float, float]]:
    g_adam, d_adam = adam(g, 2e-4), adam(d, 2e-4)
    for real in batches:
        count = len(real)
        fake = g(torch.randn(count, 100))
        real_p, fake_p = d(real), d(fake.detach())
        d_loss = cross_entropy(real_p, even(0.9, 1, count)) + cross_entropy(fake_p, even(0, 0.05, count))
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        g_loss = cross_entropy(d(fake), even(0.95, 1, count))
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        yield d_loss.item(), g_loss.item()


def artgan64(g: nn.Module, d: nn.Module, batches: list[Tensor]) -> Iterator[tuple[float, float]]:
    g_adam, d_adam = adam(g, 1.2e-4), adam(d, 1.5e-4)
    shown = 0
    for real in batches:
        count = len(real)
        fake = g(torch.randn(count, 100))
        spread = 0.2 * (1 - shown / (1000 * NOISE_KIMG))  # its size and length are for us to choose
        real_out, fake_out = d(real), d(fake.detach())
        real_p = torch.sigmoid(real_out + spread * torch.randn(count))
        fake_p = torch.sigmoid(fake_out + spread * torch.randn(count))
        d_loss = cross_entropy(real_p, 1 + 0.05 * torch.rand(count))
        d_loss = d_loss + cross_entropy(fake_p, 0.05 * torch.rand(count))
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        g_loss = cross_entropy(torch.sigmoid(d(fake)), 1 + 0.05 * torch.rand(count))
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        shown += count
        yield d_loss.item(), g_loss.item()


SYSTEMS: dict[str, tuple[Loop, int, Callable[[], tuple[nn.Module, nn.Module]]]] = {
    "portraits64": (portraits64, 4, lambda: dcgan(64, 100, 4, first=False, dropout=0)),
    "gallery512": (gallery512, 2, lambda: dcgan(512, 256, 2, first=True, dropout=0)),
    "artportraits64": (artportraits64, 4, lambda: dcgan(64, 100, 4, first=False, dropout=0.2)),
    "artgan64": (artgan64, 4, lambda: resizing(100, 4)),
}


class Record(Callback):
    """The losses of every step, until there are enough."""

    def __init__(self) -> None:
        self.losses: list[tuple[float, float]] = []

    def on_step(self, trainer: Trainer) -> None:
        self.losses.append(trainer.last_losses())


def ten_pictures(size: int) -> ImageDataset:
    coarse = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    pictures = ImageDataset(coarse.repeat(size // 8, 1).repeat(size // 8, 2), "blocks")
    return ImageDataset(pictures.images[pictures.train[:PICTURES]], "ten")


def with_weights_of(plain: nn.Module, ours: nn.Module) -> nn.Module:
    """The plain net with our first weights; of the same layout in memory, so that dropout falls alike."""
    for mine, weights in zip(plain.parameters(), ours.parameters(), strict=True):
        assert mine.shape == weights.shape
        mine.data.copy_(weights.data)
    return plain.to(memory_format=torch.channels_last)


def losses(name: str, tmp_path, **changes) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Ours and the plain loop's, of D and G in each step."""
    loop, width, build = SYSTEMS[name]
    tiny = {"width": width, "batch_size": BATCH}
    if get_recipe(name).logit_noise:
        tiny["logit_noise_kimg"] = NOISE_KIMG
    recipe = replace(get_recipe(name), **{**tiny, **changes})
    record = Record()
    trainer = Trainer(recipe, ten_pictures(recipe.size), tmp_path / "run", device="cpu", callbacks=[record])
    nets = zip(build(), (trainer.state.generator, trainer.state.discriminator), strict=True)
    plain_g, plain_d = (with_weights_of(plain, ours) for plain, ours in nets)
    batches: list[Tensor] = []
    draw = trainer.state.batches.next
    trainer.state.batches.next = lambda: batches.append(draw()) or batches[-1]

    trainer.state.rng = RunRng(torch.device("cpu"), SEED)
    trainer.fit(epochs=1)
    torch.manual_seed(SEED)
    return record.losses, list(loop(plain_g, plain_d, batches))


@pytest.mark.parametrize("name", SYSTEMS)
def test_three_steps_have_the_losses_of_the_plain_loop(name, tmp_path):
    ours, plain = losses(name, tmp_path)
    assert len(ours) == len(plain) == STEPS
    assert np.abs(np.subtract(ours, plain)).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("portraits64", {"d_lr": 2.1e-4}),
        ("portraits64", {"g_lr": 2.1e-4}),
        ("portraits64", {"betas": (0.6, 0.999)}),
        ("portraits64", {"fakes": "fresh"}),
        ("portraits64", {"loss": "hinge"}),
        ("gallery512", {"fakes": "shared"}),
        ("artportraits64", {"d_dropout": 0.25}),
        ("artportraits64", {"real_labels": (0.9, 0.99)}),
        ("artportraits64", {"fake_labels": (0.0, 0.051)}),
        ("artportraits64", {"generator_labels": (0.951, 1.0)}),
        ("artgan64", {"g_lr": 1.5e-4}),
        ("artgan64", {"label_noise": 0.049}),
        ("artgan64", {"logit_noise": 0.19}),
        ("artgan64", {"logit_noise_kimg": 0.01}),
    ],
)
def test_the_comparison_notices_any_other_value(name, changes, tmp_path):
    ours, plain = losses(name, tmp_path, **changes)
    assert np.abs(np.subtract(ours, plain)).max() > 1e-5
