"""A GAN of points in the plane: toy distributions, two small nets, and pictures of their training."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import pi
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ganlib.errors import GanlibError
from ganlib.latent.sampling import sample_latent
from ganlib.losses import AdversarialLoss, adversarial_loss
from ganlib.runtime.device import one_thread
from ganlib.show.figure import BLUE, ORANGE, Figure, new_canvas
from ganlib.training.steps import discriminator_step, generator_step

TOY_LOSSES = ("non-saturating", "saturating", "hinge", "relativistic")
_REACH = 3.0  # the plane is looked at from -3 to 3
_HIGH_QUALITY = 0.3  # the largest distance of a high-quality sample from its mode
_FAIR_ENOUGH = 1 / 6  # of its fair share of the samples, and a mode counts as found
_BATCH, _SAMPLES, _SHOWN = 256, 1000, 400
_GRID = 61
_VERDICTS = ["#F4A873", "#FBE3D3", "#FFFFFF", "#CFE3F1", "#7FB8DA"]  # from fake to real
_LEGEND = (
    "Real points are blue dots, generated ones orange crosses; the ground is blue where D says real and "
    "orange where it says generated."
)


class ToyDistribution(NamedTuple):
    """Real points: `sample(count)` draws some, (count, 2); `modes`, (K, 2), lie evenly among them."""

    sample: Callable[[int], Tensor]
    modes: Tensor


def _eight_gaussians() -> ToyDistribution:
    angles = torch.arange(8) * (torch.pi / 4)
    modes = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)  # (8, 2), on a circle of radius 2
    return ToyDistribution(lambda n: modes[torch.randint(8, (n,))] + 0.1 * torch.randn(n, 2), modes)


def _spiral() -> ToyDistribution:
    modes = _on_the_spiral((torch.arange(32) + 0.5) / 32)  # (32, 2)
    return ToyDistribution(lambda n: _on_the_spiral(torch.rand(n)) + 0.06 * torch.randn(n, 2), modes)


def _on_the_spiral(share: Tensor) -> Tensor:
    """Return the points (N, 2) that lie so far, (N,) from 0 to 1, along an arm of 1 3/4 turns."""
    turn = ((0.09 + 5.2 * share).sqrt() - 0.3) / 2  # evenly along the arm, which is longer further out
    angle = 3.5 * pi * turn
    return (0.3 + 2 * turn)[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)


DISTRIBUTIONS = {"eight Gaussians": _eight_gaussians(), "spiral": _spiral()}


def toy_distribution(name: str) -> ToyDistribution:
    """Return the "eight Gaussians", on a ring, or the "spiral"; another name raises `GanlibError`."""
    if name not in DISTRIBUTIONS:
        raise GanlibError(f"There is no toy distribution '{name}': choose one of {', '.join(DISTRIBUTIONS)}.")
    return DISTRIBUTIONS[name]


def modes_found(points: Tensor, modes: Tensor) -> tuple[int, float]:
    """Count the modes (K, 2) that samples (N, 2) have found, and the share of high-quality samples.

    A sample is of high quality if it lies within 0.3 of a mode; a mode is found if at least a sixth of its
    fair share, 1/K, of the samples lies there.
    """
    near = torch.cdist(points, modes) < _HIGH_QUALITY  # (N, K)
    found = near.float().mean(0) >= _FAIR_ENOUGH / len(modes)
    return int(found.sum()), near.any(1).float().mean().item()


@dataclass(frozen=True)
class ToySettings:
    """All that a toy GAN depends on; the same settings train the same GAN."""

    distribution: str = "eight Gaussians"
    loss: str = "non-saturating"
    g_lr: float = 5e-4
    d_lr: float = 5e-4
    g_steps: int = 1
    d_steps: int = 1
    latent_dim: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `GanlibError` if there is no such distribution or loss, or a number is not above zero."""
        toy_distribution(self.distribution)
        if self.loss not in TOY_LOSSES:
            raise GanlibError(f"There is no toy loss '{self.loss}': choose one of {', '.join(TOY_LOSSES)}.")
        for name in ("g_lr", "d_lr", "g_steps", "d_steps", "latent_dim"):
            if not getattr(self, name) > 0:
                raise GanlibError(f"The {name} of a toy GAN must be above zero: give another number.")


class Snapshot(NamedTuple):
    """A toy GAN at one step: samples, `points` (1000, 2), and D's probability of real, `field` (61, 61).

    The field's rows go from y = -3 to 3. `modes` is how many modes are found, and `high_quality` the share of
    samples that lie at one of them.
    """

    step: int
    points: Tensor
    field: Tensor
    modes: int
    high_quality: float


@one_thread()
@torch.no_grad()
def take_snapshot(
    step: int, generator: nn.Module, discriminator: nn.Module, modes: Tensor, latent_dim: int = 2
) -> Snapshot:
    """Look at samples of G, always of the same z, and at the probability of real that D gives each place."""
    points = generator(sample_latent(_SAMPLES, latent_dim, seed=1))
    line = torch.linspace(-_REACH, _REACH, _GRID)
    field = discriminator(torch.cartesian_prod(line, line)).sigmoid().reshape(_GRID, _GRID).T
    return Snapshot(step, points, field, *modes_found(points, modes))


class ToyGAN:
    """G and D with two hidden layers of 128 each, and their training."""

    def __init__(self, settings: ToySettings) -> None:
        """Make both nets; nothing is trained yet."""
        self.settings = settings
        self.distribution = toy_distribution(settings.distribution)
        self.step = 0
        self._rng_state = torch.Generator().manual_seed(settings.seed).get_state()
        self._loss = _loss(settings.loss)
        with self._own_rng():
            self.generator = _mlp(settings.latent_dim, 2)
            self.discriminator = nn.Sequential(_mlp(2, 1), nn.Flatten(0))
        self._d_optimizer = _adam(self.discriminator, settings.d_lr)
        self._g_optimizer = _adam(self.generator, settings.g_lr)

    @one_thread()
    def train(self, steps: int) -> None:
        """Train for so many steps, each of which is `d_steps` of D and then `g_steps` of G."""
        with self._own_rng():
            for _ in range(steps):
                self._train_step()

    def snapshot(self) -> Snapshot:
        """Look at the samples, always of the same z, and at D's probabilities everywhere."""
        latent_dim, modes = self.settings.latent_dim, self.distribution.modes
        return take_snapshot(self.step, self.generator, self.discriminator, modes, latent_dim)

    def snapshots(self, every: int, count: int) -> Iterator[Snapshot]:
        """Train, and yield a snapshot after `every` steps, `count` times."""
        for _ in range(count):
            self.train(every)
            yield self.snapshot()

    def _train_step(self) -> None:
        for _ in range(self.settings.d_steps):
            fake = self._generate()
            real = self.distribution.sample(_BATCH)
            discriminator_step(self.discriminator, self._d_optimizer, self._loss, real, fake)
        pairs = real if self._loss.of_pairs else None
        for turn in range(self.settings.g_steps):
            fake = self._generate() if turn else fake  # D's last batch serves G as well
            generator_step(self.discriminator, self._g_optimizer, self._loss, fake, real=pairs)
        self.step += 1

    def _generate(self) -> Tensor:
        return self.generator(torch.randn(_BATCH, self.settings.latent_dim))

    @contextmanager
    def _own_rng(self) -> Iterator[None]:
        """Draw from random numbers of its own, whatever else is drawn between two steps."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            try:
                yield
            finally:
                self._rng_state = torch.get_rng_state()


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    first, second, last = nn.Linear(inputs, 128), nn.Linear(128, 128), nn.Linear(128, outputs)
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)


def _adam(net: nn.Module, lr: float) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999))


def _loss(name: str) -> AdversarialLoss:
    if name == "saturating":
        return adversarial_loss("bce")._replace(generator=lambda logits: logsigmoid(-logits).mean())
    return adversarial_loss("bce" if name == "non-saturating" else name)


def toy_figure(snapshot: Snapshot, settings: ToySettings, side: float = 4.6) -> Figure:
    """Draw a snapshot as a picture `side` inches wide, at 100 px an inch."""
    canvas = new_canvas(side, side + 0.3)
    axes = canvas.subplots()
    draw_snapshot(axes, snapshot, real_sample(settings.distribution))
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return Figure.from_canvas(canvas, f"{_LEGEND} {summarise(snapshot, settings)}")


def toy_row(
    snapshots: Sequence[Snapshot], titles: Sequence[str] = (), distribution: str = "eight Gaussians"
) -> Figure:
    """Draw snapshots side by side; a title that is not given says how many modes are found."""
    titles = [*titles, *(_counts(snapshot, distribution) for snapshot in snapshots[len(titles) :])]
    canvas, real = new_canvas(3 * len(snapshots), 3.6), real_sample(distribution)
    for axes, snapshot, title in zip(
        canvas.subplots(1, len(snapshots), squeeze=False)[0], snapshots, titles, strict=True
    ):
        draw_snapshot(axes, snapshot, real)
        axes.set_title(title, fontsize=11)
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return Figure.from_canvas(canvas, f"{_LEGEND} From left to right: {'; '.join(titles)}.")


def _counts(snapshot: Snapshot, distribution: str) -> str:
    modes = len(toy_distribution(distribution).modes)
    return f"{snapshot.step} steps: {snapshot.modes} of {modes} modes, {snapshot.high_quality:.0%} near"


def draw_snapshot(axes: Any, snapshot: Snapshot, real: Tensor) -> None:
    """Draw a snapshot and real points (N, 2) on axes of matplotlib; on the black line D says one half."""
    from matplotlib.colors import LinearSegmentedColormap

    verdict = LinearSegmentedColormap.from_list("verdict", _VERDICTS)
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    field = snapshot.field.numpy()
    axes.imshow(field, extent=extent, origin="lower", cmap=verdict, vmin=0, vmax=1, interpolation="bilinear")
    if field.min() < 0.5 < field.max():  # noqa: PLR2004 (D cannot tell)
        axes.contour(field, [0.5], extent=extent, colors="black", linewidths=0.8)
    axes.plot(*real.T.numpy(), ".", color=BLUE, markersize=4, label="real")
    axes.plot(*snapshot.points[:_SHOWN].T.numpy(), "x", color=ORANGE, markersize=4, label="generated")
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=(), yticks=(), aspect="equal")


def real_sample(distribution: str) -> Tensor:
    """Return real points (300, 2) to look at, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return toy_distribution(distribution).sample(300)


def summarise(snapshot: Snapshot, settings: ToySettings) -> str:
    """Say in a line how far the training is."""
    modes = len(toy_distribution(settings.distribution).modes)
    return (
        f"{snapshot.step} steps: {snapshot.modes} of {modes} modes of the {settings.distribution} found, "
        f"{100 * snapshot.high_quality:.0f} % of the samples are of high quality."
    )
