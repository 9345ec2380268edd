"""The training loop."""

import json
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from traceback import clear_frames
from typing import Any

from accelerate import Accelerator
from torch import nn
from torch.utils.data import Dataset

from ganlib.data.dataset import ImageDataset, as_image_dataset
from ganlib.data.loader import Batches
from ganlib.errors import GanlibError
from ganlib.nets.base import check_discriminator, check_generator
from ganlib.recipes import Recipe, default_recipe, get_recipe
from ganlib.recipes.schedule import Turn
from ganlib.run import Run
from ganlib.runtime.device import Machine, detect, free_memory, is_out_of_memory
from ganlib.runtime.distributed import Distributed
from ganlib.runtime.files import expand_home
from ganlib.training import transfer
from ganlib.training.budget import Budget, Clock, Interrupt
from ganlib.training.callbacks import Callback, ProgressBar
from ganlib.training.checkpoint import load_checkpoint, save_checkpoint
from ganlib.training.diagnostics import Diagnostic, short_memory, uneven_classes
from ganlib.training.logger import (
    Evaluation,
    NullLogger,
    RunLogger,
    divergence,
    rolled_back,
    sample_is_due,
)
from ganlib.training.state import MAX_ROLLBACKS, TrainingState, check_compiler, compile_nets
from ganlib.training.steps import TrainStep
from ganlib.weights import load, save_generator

_THOUSAND = 1000


class Trainer:
    """Train a recipe on pictures, in a run folder in which it starts or goes on.

    `recipe` is a recipe, a name, a JSON file, or "auto", which is the run's own, that of the model to start
    from, or the best for the device;
    `data` whatever `load_art` takes, or a Dataset of pictures.
    `generator` turns z, (N, latent_dim), into pictures (N, 3, size, size), `discriminator` pictures into
    logits (N,): nets of your own, in place of those that the recipe builds. `callbacks` are a progress bar
    by default. `precision` is "fp32", "bf16" or "fp16", the device's own unless told. An `evaluation`
    measures KID every so many kimg and keeps the generator with the lowest as the best. `compiled` compiles
    with torch.compile the nets that no gradient penalty differentiates.

    Every sample and the shared generator are the moving average of G, in eval mode. Where several processes
    have been started, they train one run together, `recipe.batch_size` is that of all of them, and one of
    them writes and calls back.
    """

    def __init__(  # noqa: PLR0913 (all but three have a default, and are named)
        self,
        recipe: str | Path | Recipe,
        data: str | Path | ImageDataset | Dataset[Any],
        run: str | Path,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        start_from: str | Path | None = None,
        classes: bool = False,
        data_changed: bool = False,
        device: str | None = None,
        precision: str | None = None,
        callbacks: Sequence[Callback] | None = None,
        save_minutes: float = 5.0,
        evaluation: Evaluation | None = None,
        compiled: bool = False,
    ) -> None:
        """Build the nets, or restore them from the run folder; nothing is trained or written yet.

        A new run begins with the weights of a trained model if there is one to `start_from`: a run folder, a
        shared folder, a weights file, the name of bundled weights, or "owner/name" on the Hub. With `classes`
        the nets learn which pictures lie in which sub-folder of the data. With `data_changed` a run goes on
        although pictures were added, removed or changed since.

        Raises:
            GanlibError: recipe and pictures or nets do not fit, the folder belongs to another recipe, or the
                processes differ in what they were given; there is no such extractor, or its weights are
                missing; torch.compile is wanted and does not work here.
        """
        self.run = Run(expand_home(run))
        self.machine = detect(device, precision)
        self.recipe = choose_recipe(recipe, self.run, start_from, device)
        self.distributed = Distributed.join(self.machine)
        if compiled:
            check_compiler(self.machine.device)
        own = [ProgressBar()] if callbacks is None else list(callbacks)
        self.callbacks: list[Callback] = [*own] if self.distributed.is_main else []
        self.save_minutes = save_minutes
        self._has_own_nets = generator is not None or discriminator is not None
        self.interrupted = self._stopped = self._saves = False
        with self.distributed.one_by_one():
            images = as_image_dataset(data, self.recipe.size)
        if classes:
            self.recipe = self._with_classes(images)
        self.state = self._new_state(images, generator, discriminator)
        if compiled:
            compile_nets(self.state)
        self._check_processes()
        self.started_from = ""
        if start_from is not None and self.distributed.is_main and not self.run.checkpoints:
            self.started_from = transfer.start_from(self.state, start_from)
        elif self.recipe.freeze_d and self.distributed.is_main and not self.run.checkpoints:
            raise GanlibError(
                "freeze_d freezes the first layers of a trained discriminator: name a model to start from, "
                "--from, in Python start_from."
            )
        self._news = self._load(data_changed)
        if self.recipe.classes and self.state.step == 0:
            self._news += uneven_classes(self.recipe.classes, self.state.batches.class_counts().tolist())
        self.train_step = TrainStep(self.recipe, self.state, self.distributed)
        self.clock = self._new_clock(Budget(epochs=self.recipe.epochs))
        self._saved = time.monotonic()
        logger = RunLogger if self.distributed.is_main else NullLogger
        self._logger = logger(self.run, self.state, images, evaluation if self.distributed.is_main else None)

    def _with_classes(self, images: ImageDataset) -> Recipe:
        if not images.classes:
            raise GanlibError(
                f"'{images.name}' has no classes: put every picture into one of two or more sub-folders, and "
                "name the folder around them."
            )
        return replace(self.recipe, classes=images.classes)

    def _new_state(
        self, images: ImageDataset, generator: nn.Module | None, discriminator: nn.Module | None
    ) -> TrainingState:
        recipe = self.recipe
        if recipe.classes != images.classes and recipe.classes:
            raise GanlibError(
                f"The recipe knows the classes {', '.join(recipe.classes)}, and the pictures have "
                f"{', '.join(images.classes) or 'none'}: load them with classes=True, from the same folders."
            )
        if generator is not None:
            check_generator(generator, recipe.latent_dim, recipe.shape)
        if discriminator is not None:
            check_discriminator(discriminator, recipe.shape)
        accelerator = _accelerator(self.machine)
        batches = Batches(
            images,
            recipe.batch_size,
            accelerator.device,
            recipe.seed,
            recipe.hflip,
            recipe.quarter_turns,
            self.distributed.share,
        )
        return TrainingState.new(recipe, batches, accelerator, generator, discriminator)

    def _new_clock(self, budget: Budget) -> Clock:
        return Clock(budget, self.state, self.train_step.schedule.share_of_discriminator)

    def _check_processes(self) -> None:
        for value, problem in (
            (json.dumps(self.recipe.to_json()), "have different recipes: start all with the same command"),
            (self.machine.precision, "differ in precision: choose one for all, precision='fp32' say"),
            (self.state.batches.fingerprint, "have different pictures: give every machine the same ones"),
        ):
            if not self.distributed.agree_on(value):
                raise GanlibError(f"The processes {problem}.")

    def _load(self, data_changed: bool = False) -> list[Diagnostic]:
        """Bring every process to the run's last checkpoint, which only the main one needs to see."""
        news: list[Diagnostic] = []
        if self.distributed.is_main:
            self.run.check(self.recipe)
            news = load_checkpoint(self.state, self.run, data_changed) if self.run.checkpoints else []
        self.state.follow_main(self.distributed)
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
        self.clock = self._new_clock(Budget(epochs, kimg, minutes))
        held = self.run.held() if self.distributed.is_main else nullcontext()
        try:
            with Interrupt(self.distributed.size) as interrupt, held, self.state.rng.used():
                self._begin()
                try:
                    self._train(interrupt)
                except Exception:
                    self._call("on_error")
                    raise
                self._end()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            clear_frames(error.__traceback__)  # they hold what filled the memory
            raise self._out_of_memory() from error
        return self.run

    def _out_of_memory(self) -> GanlibError:
        where, size = self.run.folder, self.recipe.batch_size
        less = f"batch_size={size // 2}" if size > 1 else f"width={max(1, self.recipe.width // 2)}"
        return GanlibError(
            f"Memory ran out on {self.machine}, with batches of {size}. What was saved in '{where}' is safe. "
            f"Start a new run from it with {less} (--from {where} --set {less}, in Python start_from), or "
            "close other programs that use memory, restart the kernel if this is a notebook, and continue."
        )

    def _train(self, interrupt: Interrupt) -> None:
        while True:
            while self._goes_on(interrupt):
                self._step()
            if self.distributed.all(self.state.is_finite()):
                return
            self._go_back()

    def stop(self) -> None:
        """End `fit` after the present step, as if its budget were spent; a callback may call this."""
        self._stopped = True

    def _goes_on(self, interrupt: Interrupt) -> bool:
        """Decide whether there is another step; what one process sees by its clock or a signal holds for all.

        The main process alone calls back, so it alone may have been told to stop.
        """
        saves = time.monotonic() - self._saved > 60 * self.save_minutes
        ended = self._stopped or self.clock.spent() >= 1
        ended, self.interrupted, self._saves = self.distributed.any(ended, interrupt.requested, saves)
        return not ended and not self.interrupted

    def _begin(self) -> None:
        self._logger.open()
        if self.started_from and self.state.step == 0:
            self._logger.note(self.started_from)
        self.interrupted = self._stopped = False
        self._call("on_start")
        if self.callbacks and not self._has_own_nets:  # whose cost nobody has counted
            free = free_memory(self.machine.device)
            for diagnostic in short_memory(self.recipe, self.machine, free, self.distributed.size):
                self._call("on_warning", diagnostic)
        news, self._news = self._news, []
        for diagnostic in news:
            self._warn(diagnostic)
        if self.state.step == 0:
            self._call("on_sample", self._logger.sample())
        if self.distributed.any(self.distributed.is_main and bool(news or not self.run.checkpoints))[0]:
            self._save()  # a place to go back to
        self._saved = time.monotonic()
        self.clock.start()

    def _end(self) -> None:
        sample = self._logger.last_look()
        self._save()
        self._call("on_sample", sample)
        self._call("on_end")
        self.distributed.all(True)  # nobody leaves before all is written

    def _step(self) -> None:
        thousands_before = self.state.shown // _THOUSAND
        turn = self.train_step.turn()
        self.train_step()
        if self.clock.steps == 0:
            self.last_losses()  # waits for the device, so that speed is measured from a finished step
        self.clock.count_step()
        thousands = self.state.shown // _THOUSAND
        full = thousands > thousands_before
        if not self._is_sound(thoroughly=full or self._saves):
            self._go_back()
            return
        if (full and sample_is_due(thousands)) or self._an_epoch_is_due(turn):
            self._call("on_sample", self._logger.sample())
        if full:
            self._log(thousands)
        if self._saves:
            self._save()
        try:
            self._call("on_step")
        except Exception:  # such as a terminal that is gone: it is not to cost what was trained
            if self.state.is_finite():
                save_checkpoint(self.state, self.run)
            raise

    def _call(self, event: str, *arguments: object) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *arguments)

    def _an_epoch_is_due(self, turn: Turn) -> bool:
        """Tell whether an epoch of a thousand pictures or more has just ended whose samples are wanted."""
        batches = self.state.batches
        just_ended = turn.discriminator and batches.at_end()  # it stays there while G is trained
        return just_ended and len(batches) >= _THOUSAND and sample_is_due(batches.epoch + 1)

    def _is_sound(self, thoroughly: bool) -> bool:
        """Tell whether all is finite; between thorough looks a CPU is asked for the losses, a GPU nothing."""
        if thoroughly:
            return self.distributed.all(self.state.is_finite())
        if self.machine.device.type != "cpu":
            return True
        return self.distributed.all(all(map(math.isfinite, self.last_losses())))

    def _go_back(self) -> None:
        """Go on from the last checkpoint with lower learning rates, or give up."""
        step, kimg, rollbacks = self.state.step, self.state.kimg, self.state.rollbacks
        if rollbacks >= MAX_ROLLBACKS:
            raise divergence(self.state, self._logger.told())
        self._load()
        self.state.rollbacks = rollbacks + 1
        self._logger.open()
        self.train_step.forget()
        self._warn(rolled_back(self.state, step, kimg))
        self._save()
        self.clock.restart_speed()

    def _warn(self, diagnostic: Diagnostic) -> None:
        self.state.pending.append(diagnostic)
        self._call("on_warning", diagnostic)

    def _log(self, thousands: int) -> None:
        row, diagnostics = self._logger.write(self.train_step.measures(), self.clock.speed(), thousands)
        self._call("on_log", row)
        for diagnostic in diagnostics:
            self._call("on_warning", diagnostic)

    def _save(self) -> None:
        self.distributed.mean(self.state.totals)  # what one process has measured alone would be lost
        if self.distributed.is_main:
            save_checkpoint(self.state, self.run)
            save_generator(self.state.ema.generator, self.recipe, self.state.kimg, self.run.generator_file)
        self._saved = time.monotonic()

    def last_losses(self) -> tuple[float, float]:
        """Return the losses of D and G in the last step; asking waits for the device."""
        return self.train_step.last_losses()

    def forecast(self) -> str:
        """Say in a sentence how long this call of `fit` will take and how far it will come."""
        self.last_losses()
        return self.clock.forecast()


def choose_recipe(
    recipe: str | Path | Recipe, run: Run, start_from: str | Path | None, device: str | None
) -> Recipe:
    """Return the recipe that a `Trainer` is given; "auto" depends on the run, the model and the device.

    Raises:
        GanlibError: there is no such recipe, run, model or device, or one cannot be read.
    """
    if recipe != "auto":
        return recipe if isinstance(recipe, Recipe) else get_recipe(recipe)
    if run.recipe_file.exists():
        return run.recipe()
    return default_recipe(device) if start_from is None else load(start_from)[1]


def _accelerator(machine: Machine) -> Accelerator:
    with suppress(ValueError):  # accelerate keeps one device and precision a process
        accelerator = Accelerator(mixed_precision=machine.precision, cpu=machine.device.type == "cpu")
        if accelerator.device.type == machine.device.type:
            return accelerator
    raise GanlibError(
        f"This Python process cannot train on {machine}: it has trained on another device or in another "
        "precision, or environment variables ask for that (ACCELERATE_USE_CPU, ACCELERATE_TORCH_DEVICE). "
        "Start a new process (in a notebook, restart the kernel) without these."
    )
