"""Everything that changes while a run trains, in one object that can be saved and restored."""

from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganlib.data.batches import Batches
from ganlib.recipes import Recipe
from ganlib.training.ema import GeneratorAverage


@dataclass
class TrainingState:
    """Nets, optimisers, average, place in the data, and counters.

    `images` counts the real pictures shown to D, `shown` those of every step, whoever played in it. `totals`
    and `counted` are the sums since the last row of the log: the losses of D and G, D(x) and D(G(z)).
    """

    accelerator: Accelerator
    batches: Batches
    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: Optimizer
    d_optimizer: Optimizer
    average: GeneratorAverage
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    shown: int = 0
    totals: Tensor = field(default_factory=lambda: torch.zeros(4))
    counted: list[int] = field(default_factory=lambda: [0] * 4)

    @classmethod
    def new(cls, recipe: Recipe, batches: Batches, accelerator: Accelerator) -> "TrainingState":
        """The state before the first step, drawn from the recipe's seed."""
        torch.manual_seed(recipe.seed)
        layout = _memory_format(accelerator.device)
        generator = recipe.generator().to(accelerator.device).to(memory_format=layout)
        discriminator = recipe.discriminator().to(accelerator.device).to(memory_format=layout)
        average = GeneratorAverage(generator, recipe.ema_kimg)
        g_optimizer = Adam(generator.parameters(), recipe.g_lr, recipe.betas, fused=True)
        d_optimizer = Adam(discriminator.parameters(), recipe.d_lr, recipe.betas, fused=True)
        generator, discriminator, g_optimizer, d_optimizer = accelerator.prepare(
            generator, discriminator, g_optimizer, d_optimizer
        )
        totals = torch.zeros(4, device=accelerator.device)
        players = (generator, discriminator, g_optimizer, d_optimizer)
        return cls(accelerator, batches, *players, average, totals=totals)

    @property
    def kimg(self) -> float:
        """Thousand real pictures shown to D so far."""
        return self.images / 1000

    @property
    def epochs(self) -> float:
        """Passes over the training pictures so far."""
        return self.images / len(self.batches)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only, so that it can be read with `weights_only=True`."""
        return {
            "generator": self._plain(self.generator).state_dict(),
            "discriminator": self._plain(self.discriminator).state_dict(),
            "average": self.average.model.state_dict(),
            "g_optimizer": self.g_optimizer.state_dict(),
            "d_optimizer": self.d_optimizer.state_dict(),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
            "counters": {
                "step": self.step,
                "images": self.images,
                "shown": self.shown,
                "seconds": self.seconds,
            },
            "totals": self.totals.cpu(),
            "counted": self.counted,
            "data": {
                "pictures": len(self.batches),
                "fingerprint": self.batches.fingerprint,
                "epoch": self.batches.epoch,
                "position": self.batches.position,
            },
            "random": self._random_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the place where `state_dict` was taken."""
        self._plain(self.generator).load_state_dict(state["generator"])
        self._plain(self.discriminator).load_state_dict(state["discriminator"])
        self.average.model.load_state_dict(state["average"])
        self.g_optimizer.load_state_dict(state["g_optimizer"])
        self.d_optimizer.load_state_dict(state["d_optimizer"])
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step = state["counters"]["step"]
        self.images = state["counters"]["images"]
        self.shown = state["counters"]["shown"]
        self.seconds = state["counters"]["seconds"]
        self.totals.copy_(state["totals"])
        self.counted = state["counted"]
        self.batches.start_epoch(state["data"]["epoch"], state["data"]["position"])
        self._set_random_state(state["random"])

    def _random_state(self) -> dict[str, Any]:
        kind = self.accelerator.device.type
        state = {"cpu": torch.get_rng_state()}
        if kind != "cpu":
            state[kind] = torch.get_device_module(kind).get_rng_state()
        return state

    def _set_random_state(self, state: dict[str, Any]) -> None:
        kind = self.accelerator.device.type
        torch.set_rng_state(state["cpu"])
        if (
            kind != "cpu" and kind in state
        ):  # a run that came from another kind of device has no state for this
            torch.get_device_module(kind).set_rng_state(state[kind])

    def _plain(self, net: nn.Module) -> nn.Module:
        return self.accelerator.unwrap_model(net)


def _memory_format(device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: `python -m benchmarks.layout` measures it."""
    return torch.channels_last if device.type in {"cpu", "cuda"} else torch.contiguous_format
