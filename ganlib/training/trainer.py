"""The training loop."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from accelerate import Accelerator

from ganlib.data.dataset import ImageDataset, load_art
from ganlib.data.loader import Batches
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, get_recipe
from ganlib.recipes.schedule import Turn
from ganlib.run import Run
from ganlib.runtime.device import Machine, detect
from ganlib.runtime.distributed import Distributed
from ganlib.runtime.files import expand_home
from ganlib.training.budget import Budget, Countdown, Interrupt
from ganlib.training.callbacks import Callback, ProgressBar
from ganlib.training.checkpoint import load_checkpoint, save_checkpoint
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.logger import (
    Evaluation,
    NullLogger,
    RunLogger,
    diagnosis,
    rollback,
    sample_is_due,
    score_is_due,
)
from ganlib.training.state import MAX_ROLLBACKS, TrainingState, check_compiler, compile_nets
from ganlib.training.steps import Game

_THOUSAND = 1000


class Trainer:
    """Train a recipe on pictures, in a run folder in which it starts or goes on.

    Every sample and the shared generator are the moving average of G, in eval mode.
    """

    def __init__(  # noqa: PLR0913 (all but three have a default, and are named)
        self,
        recipe: str | Recipe,
        art: str | Path | ImageDataset,
        run: str | Path,
        *,
        device: str | None = None,
        precision: str | None = None,
        callbacks: Sequence[Callback] | None = None,
        save_minutes: float = 5.0,
        evaluation: Evaluation | None = None,
        compiled: bool = False,
    ) -> None:
        """Build the nets, or restore them from the run folder; nothing is trained or written yet.

        `recipe` and `art` may be names; `callbacks` are a progress bar unless told. `precision` is "fp32",
        "bf16" or "fp16", the device's own unless told. Where several processes have been started, they train
        this run together, `recipe.batch_size` is that of all of them, and one writes and calls back.
        An `evaluation` measures KID every so many kimg, and decides by it which generator is the best.
        `compiled` has torch.compile make faster code of the nets, where no penalty passes through them.

        Raises:
            GanlibError: recipe and pictures do not fit, the folder belongs to another recipe, or the
                processes differ in what they were given; there is no such extractor, or its weights are
                missing; torch.compile is wanted and does not work here.
        """
        self.recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
        self.run = Run(expand_home(run))
        self.machine = detect(device, precision)
        self.team = Distributed.join(self.machine)
        if compiled:
            check_compiler(self.machine.device)
        self.callbacks = self._listeners(callbacks)
        self.save_minutes = save_minutes
        self.evaluation = evaluation
        with self.team.in_turn():
            images = art if isinstance(art, ImageDataset) else load_art(art, self.recipe.size)
        self.state = self._new_state(images)
        if compiled:
            compile_nets(self.state)
        self._check_team()
        self._news = self._load()
        self._game = Game(self.recipe, self.state, self.team)
        journal = RunLogger if self.team.leads else NullLogger
        self._journal = journal(self.run, self.state, images, evaluation if self.team.leads else None)

    def _listeners(self, callbacks: Sequence[Callback] | None) -> list[Callback]:
        if not self.team.leads:
            return []
        return [ProgressBar()] if callbacks is None else list(callbacks)

    def _new_state(self, images: ImageDataset) -> TrainingState:
        if images.size != self.recipe.size:
            raise GanlibError(
                f"The recipe '{self.recipe.name}' wants pictures of {self.recipe.size} px, "
                f"'{images.name}' has {images.size} px: load it with size={self.recipe.size}."
            )
        accelerator = _accelerator(self.machine)
        recipe = self.recipe
        share = self.team.share
        batches = Batches(images, recipe.batch_size, accelerator.device, recipe.seed, recipe.mirror, share)
        return TrainingState.new(recipe, batches, accelerator)

    def _check_team(self) -> None:
        """Raise `GanlibError` unless all processes have the same recipe, precision and pictures."""
        if not self.team.same(json.dumps(self.recipe.to_json())):
            raise GanlibError("The processes have different recipes: start all with the same command.")
        if not self.team.same(self.machine.precision):
            raise GanlibError("The devices differ in precision: choose one for all, precision='fp32' say.")
        if not self.team.same(self.state.batches.fingerprint):
            raise GanlibError("The processes have different pictures: give every machine the same ones.")

    def _load(self) -> Diagnostic | None:
        """Bring every process to the run's last checkpoint, which one alone needs to see."""
        news = None
        if self.team.leads:
            self.run.check(self.recipe)
            news = load_checkpoint(self.state, self.run) if self.run.checkpoints else None
        self.state.follow(self.team)
        return news

    def fit(
        self, epochs: float | None = None, kimg: float | None = None, minutes: float | None = None
    ) -> Run:
        """Train until the budget is spent; the recipe's epochs if none is given.

        `epochs` and `kimg` count from the start of the run, `minutes` from now. An interrupt (Ctrl-C, or
        a notebook's stop button) saves everything and returns; call again to go on. A request to end
        (SIGTERM) saves everything, too, and then ends the process. If a loss or a weight becomes NaN or
        infinite, the run goes back to its last checkpoint with half the learning rates, three times at most.
        Several processes begin, go back and end together.

        Raises:
            GanlibError: the budget is not above zero, the disk is full, another process trains here, one
                that trained along has ended, or training diverged once more.
        """
        if epochs is None and kimg is None and minutes is None:
            epochs = self.recipe.epochs
        self._countdown = Countdown(Budget(epochs, kimg, minutes), self.state)
        with Interrupt(self.team.size) as interrupt, self._held(), self.state.rng.used():
            self._begin()
            try:
                self._train(interrupt)
            except Exception:
                for callback in self.callbacks:
                    callback.on_error(self)
                raise
            self._end()
        return self.run

    def _train(self, interrupt: Interrupt) -> None:
        while True:
            while self._goes_on(interrupt):
                self._step()
            if self._all(self.state.is_finite()):
                return
            self._go_back()

    def _held(self) -> AbstractContextManager[None]:
        return self.run.held() if self.team.leads else nullcontext()

    def _goes_on(self, interrupt: Interrupt) -> bool:
        """Whether there is another step; what one process sees by its clock or a signal holds for all."""
        saves = time.monotonic() - self._saved > 60 * self.save_minutes
        spent, self.interrupted, self._saves = self.team.agree(self.spent() >= 1, interrupt.requested, saves)
        return not spent and not self.interrupted

    def _all(self, sound: bool) -> bool:
        """Whether it is so in all processes."""
        (unsound,) = self.team.agree(not sound)
        return not unsound

    def _begin(self) -> None:
        self._journal.open()
        self._begin_clocks()
        self.interrupted = False
        for callback in self.callbacks:
            callback.on_start(self)
        if self._news:
            self._tell(self._news)
            self._news = None
        if self.state.step == 0:
            self._show(self._journal.sample())
        if not self._all(not self.team.leads or bool(self.run.checkpoints)):
            self._save()  # a place to go back to
        self._begin_clocks()

    def _begin_clocks(self) -> None:
        self._began = self._saved = time.monotonic()
        self._seconds_before = self.state.seconds
        self.steps_now = 0
        self._warm = (self._began, self.state.shown)

    def _end(self) -> None:
        sample = self._journal.last_look()
        self._save()
        self._show(sample)
        for callback in self.callbacks:
            callback.on_end(self)
        self.team.agree(True)  # nobody leaves before all is written

    def _step(self) -> None:
        thousands_before = self.state.shown // _THOUSAND
        turn = self._game.turn()
        self._game.play()
        self.steps_now += 1
        if self.steps_now == 1:  # the first step warms everything up, speed is measured from its end
            self._wait_for_device()
            self._warm = (time.monotonic(), self.state.shown)
        self.state.seconds = self._seconds_before + self.seconds_now()
        thousands = self.state.shown // _THOUSAND
        full = thousands > thousands_before
        if not self._is_sound(thoroughly=full or self._saves):
            self._go_back()
            return
        if (full and sample_is_due(thousands)) or self._an_epoch_is_due(turn):
            self._show(self._journal.sample())
        if full:
            self._log(thousands)
        if self._saves:
            self._save()
        with self._kept():
            for callback in self.callbacks:
                callback.on_step(self)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Let no error of a callback, such as a terminal that is gone, cost what was trained."""
        try:
            yield
        except Exception:
            if self.state.is_finite():
                save_checkpoint(self.state, self.run)
            raise

    def _an_epoch_is_due(self, turn: Turn) -> bool:
        """Whether an epoch of a thousand pictures or more has just ended whose samples are wanted."""
        batches = self.state.batches
        just_ended = turn.discriminator and batches.at_end()  # it stays there while G plays
        return just_ended and len(batches) >= _THOUSAND and sample_is_due(batches.epoch + 1)

    def _is_sound(self, thoroughly: bool) -> bool:
        """Whether all is finite; between thorough looks a CPU is asked for the losses, a GPU for nothing."""
        if thoroughly:
            return self._all(self.state.is_finite())
        return self.machine.device.type != "cpu" or self._all(all(map(math.isfinite, self.last_losses())))

    def _go_back(self) -> None:
        """Go on from the last checkpoint with lower learning rates, or give up."""
        step, kimg, rollbacks = self.state.step, self.state.kimg, self.state.rollbacks
        if rollbacks >= MAX_ROLLBACKS:
            raise diagnosis(self.state, self._journal.told())
        self._load()
        self.state.slow_down(rollbacks + 1)
        self._journal.open()
        self._game.forget()
        self._tell(rollback(self.state, step, kimg))
        self._save()
        self.steps_now = 0  # speed is measured anew

    def _tell(self, finding: Diagnostic) -> None:
        self.state.pending.append(finding)
        for callback in self.callbacks:
            callback.on_warning(self, finding)

    def _log(self, thousands: int) -> None:
        evaluated = self.evaluation is not None and self.evaluation.is_due(thousands)
        row, findings = self._journal.write(
            self._game.measures(), self.speed(), score_is_due(thousands), evaluated
        )
        for callback in self.callbacks:
            callback.on_log(self, row)
            for finding in findings:
                callback.on_warning(self, finding)

    def _show(self, sample: Path) -> None:
        for callback in self.callbacks:
            callback.on_sample(self, sample)

    def _save(self) -> None:
        self.team.mean(self.state.totals)  # what one process has measured alone would be lost
        if self.team.leads:
            save_checkpoint(self.state, self.run)
            self.run.save_generator(self.state.ema.generator, self.state.kimg)
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
        return self.speed() * self._game.schedule.share_of_discriminator

    def last_losses(self) -> tuple[float, float]:
        """The losses of D and G in the last step; asking waits for the device."""
        d_loss, g_loss, _, _ = self._game.last_values.tolist()
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
    try:  # accelerate keeps one device and precision a process
        accelerator = Accelerator(mixed_precision=machine.precision, cpu=machine.device.type == "cpu")
    except ValueError as error:
        raise GanlibError(
            f"This Python process has already trained elsewhere than on {machine}: start it anew "
            "(in a notebook: restart the kernel) to change the device."
        ) from error
    if accelerator.device.type != machine.device.type:
        raise GanlibError(
            f"This Python process would train on {accelerator.device}, not on {machine}: it has done so "
            "before, or its environment says so (ACCELERATE_USE_CPU, ACCELERATE_TORCH_DEVICE). Start it anew "
            "(in a notebook: restart the kernel), without these."
        )
    return accelerator
