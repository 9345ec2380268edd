"""Pictures of the game in the plane: real points, painted ones, and what D says everywhere."""

from collections.abc import Callable, Iterator
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
from ganlib.show.figure import Figure
from ganlib.training.steps import discriminator_step, generator_step

REACH = 3.0  # the plane is looked at from -REACH to REACH
NEAR = 0.3
TOY_LOSSES = ("non-saturating", "saturating", "hinge", "relativistic")
_BATCH = 256
_PAINTED = 1000
_GRID = 61
_FAIR_ENOUGH = 1 / 6  # of its share of the points, and a place counts as found


class Shape(NamedTuple):
    """How real points lie: `draw(count)` gives some, (count, 2); `places` (K, 2) lie evenly among them."""

    draw: Callable[[int], Tensor]
    places: Tensor


@dataclass(frozen=True)
class ToySettings:
    """All that a game in the plane depends on; the same settings play the same game."""

    shape: str = "eight Gaussians"
    loss: str = "non-saturating"
    g_lr: float = 5e-4
    d_lr: float = 5e-4
    g_steps: int = 1
    d_steps: int = 1
    latent_dim: int = 2
    seed: int = 0


class Moment(NamedTuple):
    """A look at the game: painted `points` (1000, 2) and D's `field` (61, 61), its probability of real.

    The field's rows go from y = -3 to 3. `found` of the shape's places have been found, and the share `near`
    of the points lies at one of them.
    """

    step: int
    points: Tensor
    field: Tensor
    found: int
    near: float


class ToyGAN:
    """G and D with two hidden layers of 128 each, and the game between them."""

    def __init__(self, settings: ToySettings) -> None:
        """Set the game up; nothing is played yet.

        Raises:
            GanlibError: there is no such shape or loss, or a number is not above zero.
        """
        _check(settings)
        self.settings = settings
        self.shape = toy_distribution(settings.shape)
        self.step = 0
        self._luck = torch.Generator().manual_seed(settings.seed).get_state()
        self._loss = _loss(settings.loss)
        with self._own_luck():
            self.generator = _mlp(settings.latent_dim, 2)
            self.discriminator = nn.Sequential(_mlp(2, 1), nn.Flatten(0))
        self._d_optimizer = _adam(self.discriminator, settings.d_lr)
        self._g_optimizer = _adam(self.generator, settings.g_lr)

    @one_thread()
    def play(self, steps: int) -> None:
        """Play so many steps, each of which is `d_steps` of D and then `g_steps` of G."""
        with self._own_luck():
            for _ in range(steps):
                self._play_once()

    @one_thread()
    @torch.no_grad()
    def moment(self) -> Moment:
        """Look at the game as it stands, always with the same z."""
        points = self.generator(sample_latent(_PAINTED, self.settings.latent_dim, seed=1))
        line = torch.linspace(-REACH, REACH, _GRID)
        field = self.discriminator(torch.cartesian_prod(line, line)).sigmoid().reshape(_GRID, _GRID).T
        found, near = places_found(points, self.shape.places)
        return Moment(self.step, points, field, found, near)

    def watch(self, every: int, moments: int) -> Iterator[Moment]:
        """Play `every` steps, look at the game, and so on, so many times."""
        for _ in range(moments):
            self.play(every)
            yield self.moment()

    def _play_once(self) -> None:
        for _ in range(self.settings.d_steps):
            fake = self._painted()
            real = self.shape.draw(_BATCH)
            discriminator_step(self.discriminator, self._d_optimizer, self._loss, real, fake)
        for turn in range(self.settings.g_steps):
            fake = self._painted() if turn else fake  # D's last batch serves G as well
            pairs = real if self._loss.of_pairs else None
            generator_step(self.discriminator, self._g_optimizer, self._loss, fake, real=pairs)
        self.step += 1

    def _painted(self) -> Tensor:
        return self.generator(torch.randn(_BATCH, self.settings.latent_dim))

    @contextmanager
    def _own_luck(self) -> Iterator[None]:
        """Draw from the game's own random numbers, whatever else is drawn between two looks at it."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._luck)
            try:
                yield
            finally:
                self._luck = torch.get_rng_state()


def toy_distribution(name: str) -> Shape:
    """The shape called `name`: "eight Gaussians" on a ring, or a "spiral".

    Raises:
        GanlibError: there is no such shape.
    """
    if name not in SHAPES:
        raise GanlibError(f"There is no shape '{name}' in the plane: choose one of {', '.join(SHAPES)}.")
    return SHAPES[name]


def places_found(points: Tensor, places: Tensor) -> tuple[int, float]:
    """How many of the places (K, 2) the points (N, 2) have found, and the share of points near any.

    Near is within 0.3; a place is found where at least a sixth of its fair share, 1/K, of the points lies.
    """
    near = torch.cdist(points, places) < NEAR  # (N, K)
    found = near.float().mean(0) >= _FAIR_ENOUGH / len(places)
    return int(found.sum()), near.any(1).float().mean().item()


def _heaps() -> Shape:
    angles = torch.arange(8) * (torch.pi / 4)
    centres = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)  # (8, 2), on a circle of radius 2
    return Shape(lambda count: centres[torch.randint(0, 8, (count,))] + 0.1 * torch.randn(count, 2), centres)


def _spiral() -> Shape:
    places = _on_the_spiral((torch.arange(32) + 0.5) / 32)  # (32, 2)
    return Shape(lambda count: _on_the_spiral(torch.rand(count)) + 0.06 * torch.randn(count, 2), places)


def _on_the_spiral(share: Tensor) -> Tensor:
    """The points (N, 2) that lie so far, (N,) from 0 to 1, along an arm of 1 3/4 turns."""
    turn = ((0.09 + 5.2 * share).sqrt() - 0.3) / 2  # evenly along the arm, which is longer further out
    angle = 3.5 * pi * turn
    return (0.3 + 2 * turn)[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)


SHAPES = {"eight Gaussians": _heaps(), "spiral": _spiral()}


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    first, second, last = nn.Linear(inputs, 128), nn.Linear(128, 128), nn.Linear(128, outputs)
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)


def _adam(net: nn.Module, lr: float) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999))


def _loss(name: str) -> AdversarialLoss:
    bce = adversarial_loss("bce")
    if name == "non-saturating":
        return bce
    if name == "saturating":
        return bce._replace(generator=lambda logits: logsigmoid(-logits).mean())
    return adversarial_loss(name)


def _check(settings: ToySettings) -> None:
    if settings.loss not in TOY_LOSSES:
        raise GanlibError(
            f"There is no loss '{settings.loss}' in the plane: choose one of {', '.join(TOY_LOSSES)}."
        )
    numbers = ("g_lr", "d_lr", "g_steps", "d_steps", "latent_dim")
    wrong = [name for name in numbers if not getattr(settings, name) > 0]
    if wrong:
        raise GanlibError(f"{wrong[0]} must be above zero: give another number to the game in the plane.")


BLUE, ORANGE = "#0072B2", "#D55E00"
_SHOWN = 400
_VERDICTS = ["#F4A873", "#FBE3D3", "#FFFFFF", "#CFE3F1", "#7FB8DA"]  # from painted to real


def plane_figure(moment: Moment, settings: ToySettings, side: float = 4.6) -> Figure:
    """One moment of a game as a picture `side` inches wide, at 100 px an inch."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(side, side + 0.3), layout="constrained", facecolor="white")
    axes = canvas.subplots()
    draw_moment(axes, moment, real_sample(settings.shape))
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return Figure.from_canvas(canvas, describe(moment, settings))


def draw_moment(axes: Any, moment: Moment, real: Tensor) -> None:
    """Draw a moment and real points (N, 2) on axes of matplotlib; the black line is where D says one half."""
    from matplotlib.colors import LinearSegmentedColormap

    verdict = LinearSegmentedColormap.from_list("verdict", _VERDICTS)
    extent = (-REACH, REACH, -REACH, REACH)
    field = moment.field.numpy()
    axes.imshow(field, extent=extent, origin="lower", cmap=verdict, vmin=0, vmax=1, interpolation="bilinear")
    if field.min() < 0.5 < field.max():  # noqa: PLR2004 (D cannot tell)
        axes.contour(field, [0.5], extent=extent, colors="black", linewidths=0.8)
    axes.plot(*real.T.numpy(), ".", color=BLUE, markersize=4, label="real")
    axes.plot(*moment.points[:_SHOWN].T.numpy(), "x", color=ORANGE, markersize=4, label="painted")
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=(), yticks=(), aspect="equal")


def real_sample(shape: str) -> Tensor:
    """Real points (300, 2) to look at, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return toy_distribution(shape).draw(300)


def tell(moment: Moment, settings: ToySettings) -> str:
    """How far the game is, in a line."""
    places = len(toy_distribution(settings.shape).places)
    return (
        f"{moment.step} steps: {moment.found} of {places} places of the {settings.shape} found, "
        f"{100 * moment.near:.0f} % of the painted points near one."
    )


def describe(moment: Moment, settings: ToySettings) -> str:
    """What the picture of a moment shows, for those who do not see it."""
    return (
        "Real points as blue dots, painted ones as orange crosses, on a ground that is blue where D says "
        f"real and orange where it says painted. {tell(moment, settings)}"
    )
