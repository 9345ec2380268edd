"""The training loop."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from ganlib.augment import Augment
from ganlib.data.art import load_art
from ganlib.data.batches import Batches
from ganlib.data.imageset import ImageSet
from ganlib.errors import GanlibError
from ganlib.files import expand_home, write_atomically
from ganlib.latent import paint, sample_latent
from ganlib.losses import with_noise
from ganlib.machine import Machine, detect
from ganlib.recipes import Recipe, get_recipe
from ganlib.run import Run
from ganlib.schedule import Turn
from ganlib.training.budget import Budget, Countdown
from ganlib.training.callbacks import Callback, ProgressBar
from ganlib.training.checkpoint import load_checkpoint, save_checkpoint
from ganlib.training.interrupt import Interrupt
from ganlib.training.state import TrainingState
from ganlib.training.steps import discriminator_step, generator_step

_LARGEST_SIZE_OF_MANY_SAMPLES = 128
_DENSE_SAMPLES = 32
_THOUSAND = 1000


class Trainer:
    """Train a recipe on pictures, in a run folder in which it starts or goes on.

    Every sample and the shared generator are the moving average of G, in eval mode.
    """

    def __init__(
        self,
        recipe: str | Recipe,
        art: str | Path | ImageSet,
        run: str | Path,
        *,
        device: str | None = None,
        callbacks: Sequence[Callback] | None = None,
        save_minutes: float = 5.0,
    ) -> None:
        """Build the nets, or restore them from the run folder; nothing is trained or written yet.

        `recipe` and `art` may be names; `callbacks` are a progress bar unless told.

        Raises:
            GanlibError: recipe and pictures do not fit, or the folder belongs to another recipe.
        """
        self.recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
        self.run = Run(expand_home(run))
        self.machine = detect(device)
        self.callbacks = [ProgressBar()] if callbacks is None else list(callbacks)
        self.save_minutes = save_minutes
        images = art if isinstance(art, ImageSet) else load_art(art, self.recipe.size)
        self.state = self._new_state(images)
        self.run.check(self.recipe)
        if self.run.checkpoint_file.exists():
            load_checkpoint(self.state, self.run.checkpoint_file)
        self.loss = self.recipe.adversarial_loss()
        self.augment = Augment(self.recipe.augment)
        batches = math.ceil(len(self.state.batches) / self.recipe.batch_size)
        self._schedule = self.recipe.schedule(batches)
        self._sample_latent = sample_latent(_sample_count(self.recipe.size), self.recipe.latent_dim)

    def _new_state(self, images: ImageSet) -> TrainingState:
        if images.size != self.recipe.size:
            raise GanlibError(
                f"The recipe '{self.recipe.name}' wants pictures of {self.recipe.size} px, "
                f"'{images.name}' has {images.size} px: load it with size={self.recipe.size}."
            )
        accelerator = _accelerator(self.machine)
        recipe = self.recipe
        batches = Batches(images, recipe.batch_size, accelerator.device, recipe.seed, recipe.mirror)
        return TrainingState.new(recipe, batches, accelerator)

    def fit(
        self, epochs: float | None = None, kimg: float | None = None, minutes: float | None = None
    ) -> Run:
        """Train until the budget is spent; the recipe's epochs if none is given.

        `epochs` and `kimg` count from the start of the run, `minutes` from now. An interrupt (Ctrl-C, or
        a notebook's stop button) saves everything and returns; call again to go on.

        Raises:
            GanlibError: the budget is not above zero, or the disk is full.
        """
        if epochs is None and kimg is None and minutes is None:
            epochs = self.recipe.epochs
        self._countdown = Countdown(Budget(epochs, kimg, minutes), self.state)
        self._begin()
        with Interrupt() as interrupt:
            while self.spent() < 1 and not interrupt.requested:
                self._step()
            self.interrupted = interrupt.requested
        self._end()
        return self.run

    def _begin(self) -> None:
        self.run.start(self.recipe)
        self.run.forget_after(self.state.step)
        self._began = self._saved = time.monotonic()
        self._seconds_before = self.state.seconds
        self.steps_now = 0
        self._warm = (self._began, self.state.shown)
        self.interrupted = False
        self._last_values = torch.zeros_like(self.state.totals)
        for callback in self.callbacks:
            callback.on_start(self)
        if self.state.step == 0:
            self._sample()
        self._began = self._saved = time.monotonic()

    def _end(self) -> None:
        self._sample()
        self._save()
        for callback in self.callbacks:
            callback.on_end(self)

    def _step(self) -> None:
        thousands_before = self.state.shown // _THOUSAND
        turn = self._schedule.turn(self.state.step)
        self._add(self._play(turn))
        self.steps_now += 1
        if self.steps_now == 1:  # the first step warms everything up, speed is measured from its end
            self._wait_for_device()
            self._warm = (time.monotonic(), self.state.shown)
        self.state.seconds = self._seconds_before + self.seconds_now()
        thousands = self.state.shown // _THOUSAND
        if thousands > thousands_before:
            self._log()
        if (thousands > thousands_before and _is_due(thousands)) or self._an_epoch_is_due(turn):
            self._sample()
        if time.monotonic() - self._saved > 60 * self.save_minutes:
            self._save()
        for callback in self.callbacks:
            callback.on_step(self)

    def _an_epoch_is_due(self, turn: Turn) -> bool:
        """Whether an epoch of a thousand pictures or more has just ended whose samples are wanted."""
        batches = self.state.batches
        just_ended = turn.discriminator and batches.position >= len(batches)  # it stays there while G plays
        return just_ended and len(batches) >= _THOUSAND and _is_due(batches.epoch + 1)

    def _play(self, turn: Turn) -> list[Tensor | None]:
        """One step of D, of G, or of both; returns the losses of D and G, D(x) and D(G(z)), if there are."""
        state = self.state
        real = state.batches.next() if turn.discriminator else None
        count = self.recipe.batch_size if real is None else len(real)
        shared = turn.generator and (real is None or self.recipe.fakes == "shared")
        fake = self._paint(count, shared)
        d_loss = g_loss = real_logits = fake_logits = None
        if real is not None:
            d_loss, real_logits, fake_logits = self._teach_discriminator(real, fake)
        if turn.generator:
            g_loss = self._teach_generator(fake if shared else self._paint(count, True))
        state.step += 1
        state.shown += count
        state.images += 0 if real is None else count
        if turn.generator:
            state.average.update(state.accelerator.unwrap_model(state.generator), count, state.kimg)
        return [d_loss, g_loss, _probability(real_logits), _probability(fake_logits)]

    def _paint(self, count: int, for_generator: bool) -> Tensor:
        """Fakes (count, 3, S, S); with a way back to G only where G is to learn from them."""
        z = torch.randn(count, self.recipe.latent_dim, device=self.state.accelerator.device)
        with torch.set_grad_enabled(for_generator):
            return self.state.generator(z)

    def _teach_discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state = self.state
        loss = with_noise(self.loss, self.recipe.logit_noise_at(state.kimg))
        backward = state.accelerator.backward
        return discriminator_step(
            state.discriminator, state.d_optimizer, loss, real, fake, self.augment, backward
        )

    def _teach_generator(self, fake: Tensor) -> Tensor:
        state = self.state
        backward = state.accelerator.backward
        return generator_step(state.discriminator, state.g_optimizer, self.loss, fake, self.augment, backward)

    def _add(self, values: list[Tensor | None]) -> None:
        for place, value in enumerate(values):
            if value is not None:
                self._last_values[place] = value
                self.state.totals[place] += value
                self.state.counted[place] += 1

    def _log(self) -> None:
        totals = self.state.totals.tolist()
        self._check_finite(totals)
        names = ("d_loss", "g_loss", "real_probability", "fake_probability")
        means = [total / n if n else None for total, n in zip(totals, self.state.counted, strict=True)]
        row = {
            "step": self.state.step,
            "kimg": self.state.kimg,
            "epoch": self.state.epochs,
            "seconds": self.state.seconds,
            "images_per_second": self.speed(),
            **dict(zip(names, means, strict=True)),
        }
        self.state.totals.zero_()
        self.state.counted = [0] * len(names)
        self.run.append_log(row)
        for callback in self.callbacks:
            callback.on_log(self, row)

    def _sample(self) -> None:
        from torchvision.utils import save_image

        path = self.run.sample_file(self.state.step)
        if not path.exists():
            pictures = paint(self.state.average.generator, self._sample_latent)
            columns = round(len(pictures) ** 0.5)
            write_atomically(
                path,
                lambda part: save_image(pictures, part, nrow=columns, normalize=True, value_range=(-1, 1)),
            )
        for callback in self.callbacks:
            callback.on_sample(self, path)

    def _check_finite(self, values: list[float]) -> None:
        if not all(math.isfinite(value) for value in values):
            raise GanlibError(
                f"The losses are no longer numbers at step {self.state.step}: training diverged. "
                "Nothing of it was saved and the last checkpoint is as it was: try a lower g_lr and d_lr."
            )

    def _save(self) -> None:
        self._check_finite(self._last_values.tolist())
        save_checkpoint(self.state, self.run.checkpoint_file)
        self.run.save_generator(self.state.average.generator, self.state.kimg)
        self._saved = time.monotonic()

    def seconds_now(self) -> float:
        """Seconds since this call of `fit` began."""
        return time.monotonic() - self._began

    def spent(self) -> float:
        """The share of the budget that is spent, from 0 to 1."""
        return self._countdown.spent(self.state, self.seconds_now())

    def seconds_left(self) -> float:
        """Seconds until the budget is spent."""
        return self._countdown.seconds_left(self.state, self.seconds_now(), self._real_speed())

    def speed(self) -> float:
        """Pictures a second in this call of `fit`, after its first step; in G's own steps those painted."""
        seconds = time.monotonic() - self._warm[0]
        return (self.state.shown - self._warm[1]) / seconds if seconds > 0 else 0.0

    def _real_speed(self) -> float:
        """Real pictures a second, whoever plays just now."""
        return self.speed() * self._schedule.share_of_discriminator

    def last_losses(self) -> tuple[float, float]:
        """The losses of D and G in the last step; asking waits for the device."""
        d_loss, g_loss, _, _ = self._last_values.tolist()
        return d_loss, g_loss

    def _wait_for_device(self) -> None:
        self.last_losses()

    def forecast(self) -> str:
        """How long this call of `fit` will take and how far it will come, in a sentence."""
        self._wait_for_device()
        seconds = self.seconds_left()
        kimg = self.state.kimg + seconds * self._real_speed() / 1000
        epochs = 1000 * kimg / len(self.state.batches)
        return (
            f"{self.speed():.0f} pictures a second: about {seconds / 60:.1f} minutes, "
            f"to {kimg:.0f} kimg ({epochs:.0f} epochs)."
        )


def _accelerator(machine: Machine) -> Accelerator:
    try:
        return Accelerator(mixed_precision=machine.precision, cpu=machine.device.type == "cpu")
    except ValueError as error:  # accelerate keeps one device and precision a process
        raise GanlibError(
            f"This Python process has already trained elsewhere than on {machine}: start it anew "
            "(in a notebook: restart the kernel) to change the device."
        ) from error


def _sample_count(size: int) -> int:
    return 36 if size <= _LARGEST_SIZE_OF_MANY_SAMPLES else 9


def _is_due(number: int) -> bool:
    """Every one up to 32, then one in two, in four, and so on: a film shows the early change in full."""
    return number % 2 ** max(0, math.floor(math.log2(max(number, 1) / _DENSE_SAMPLES)) + 1) == 0


def _probability(logits: Tensor | None) -> Tensor | None:
    return None if logits is None else logits.sigmoid().mean()
