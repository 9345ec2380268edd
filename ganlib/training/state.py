"""Everything that changes while a run trains, in one object that can be saved and restored."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganlib.data.batches import Batches
from ganlib.recipes import Recipe
from ganlib.training.ema import GeneratorAverage
from ganlib.training.findings import Finding
from ganlib.training.streams import RandomStreams
from ganlib.training.team import Team

MOST_SETBACKS = 3
_FIRST, _SECOND = "exp_avg", "exp_avg_sq"


class Best(NamedTuple):
    """The best score so far, when it was, and what it was measured in: "score" or "kid"."""

    score: float
    kimg: float
    by: str = "score"


@dataclass
class TrainingState:
    """Nets, optimisers, average, place in the data, and counters.

    `images` counts the real pictures shown to D, `shown` those of every step, whoever played in it. `totals`
    and `counted` are the sums since the last row of the log: the losses of D and G, D(x) and D(G(z)).
    `setbacks` counts how often the run had to go back, each time with half the learning rates. `told` names
    the warnings that were given, `pending` are those that no row of the log holds yet. `last_look` is the
    step of the samples that were painted only because training paused there. `replayed` says whether nets are
    CUDA graphs, whose results last for one step.
    """

    recipe: Recipe
    accelerator: Accelerator
    batches: Batches
    streams: RandomStreams
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
    setbacks: int = 0
    best: Best | None = None
    told: list[str] = field(default_factory=list)
    pending: list[Finding] = field(default_factory=list)
    last_look: int | None = None
    replayed: bool = False

    @classmethod
    def new(cls, recipe: Recipe, batches: Batches, accelerator: Accelerator) -> "TrainingState":
        """The state before the first step, drawn from the recipe's seed."""
        streams = RandomStreams(accelerator.device, recipe.seed)
        layout = _memory_format(accelerator.device)
        with streams.used():
            generator = recipe.generator().to(accelerator.device).to(memory_format=layout)
            discriminator = recipe.discriminator().to(accelerator.device).to(memory_format=layout)
        average = GeneratorAverage(generator, recipe.ema_kimg)
        g_optimizer = Adam(generator.parameters(), recipe.g_lr, recipe.betas, fused=True)
        d_optimizer = Adam(discriminator.parameters(), recipe.d_lr, recipe.betas, fused=True)
        players = (
            _prepared(generator, recipe, accelerator),
            _prepared(discriminator, recipe, accelerator),
            accelerator.prepare_optimizer(g_optimizer),
            accelerator.prepare_optimizer(d_optimizer),
        )
        totals = torch.zeros(4, device=accelerator.device)
        return cls(recipe, accelerator, batches, streams, *players, average, totals=totals)

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
            **{name: net.state_dict() for name, net in self.nets().items()},
            "g_optimizer": self._moments(self.g_optimizer),
            "d_optimizer": self._moments(self.d_optimizer),
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
            "random": self.streams.state_dict(),
            "setbacks": self.setbacks,
            "best": list(self.best) if self.best else None,
            "told": list(self.told),
            "pending": [finding.to_json() for finding in self.pending],
            "last_look": self.last_look,
        }

    def _moments(self, optimizer: Optimizer) -> dict[int, dict[str, Tensor]]:
        """Without first moments where beta1 is 0: the next gradient takes their place."""
        states = optimizer.state_dict()["state"]
        if self.recipe.betas[0] > 0:
            return states
        return {n: {name: t for name, t in state.items() if name != _FIRST} for n, state in states.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the place where `state_dict` was taken."""
        for name, net in self.nets().items():
            net.load_state_dict(state[name])
        for name in ("g_optimizer", "d_optimizer"):
            _load_moments(getattr(self, name), state[name])
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        for name, value in state["counters"].items():
            setattr(self, name, value)
        self.totals.copy_(state["totals"])
        self.counted = list(state["counted"])
        self.batches.start_epoch(state["data"]["epoch"], state["data"]["position"])
        self.streams.load_state_dict(state["random"])
        self.best = Best(*state["best"]) if state["best"] else None
        self.told = list(state["told"])
        self.pending = [Finding(**finding) for finding in state["pending"]]
        self.last_look = state["last_look"]
        self.slow_down(state["setbacks"])

    def follow(self, team: Team) -> None:
        """Go to the place where the leading process of the team is."""
        if team.size == 1:
            return
        buffer = BytesIO()
        torch.save(self.state_dict(), buffer)
        led = BytesIO(team.broadcast(buffer.getvalue()))
        if not team.leads:
            self.load_state_dict(torch.load(led, map_location="cpu", weights_only=True))

    def slow_down(self, setbacks: int) -> None:
        """Set the learning rates to those after so many setbacks: half the recipe's after each."""
        self.setbacks = setbacks
        self.set_adam()

    def set_adam(self) -> None:
        """Set learning rates and second betas to what the recipe has them be by now."""
        share, beta2 = self.recipe.adam_at(self.kimg)
        for optimizer, rate in ((self.g_optimizer, self.recipe.g_lr), (self.d_optimizer, self.recipe.d_lr)):
            for group in optimizer.param_groups:
                group["lr"] = share * rate / 2**self.setbacks
                group["betas"] = (self.recipe.betas[0], beta2)

    def is_finite(self) -> bool:
        """Whether no weight, average or sum is NaN or infinite; asking waits for the device."""
        tensors = [tensor for net in self.nets().values() for tensor in net.state_dict().values()]
        norms = torch._foreach_norm([t for t in (*tensors, self.totals) if t.is_floating_point()])
        return bool(torch.stack(norms).isfinite().all())

    def nets(self) -> dict[str, nn.Module]:
        """The nets that are saved, by name."""
        return {
            "generator": self._plain(self.generator),
            "discriminator": self._plain(self.discriminator),
            "average": self.average.model,
        }

    def _plain(self, net: nn.Module) -> nn.Module:
        return self.accelerator.unwrap_model(net)


def _prepared(net: nn.Module, recipe: Recipe, accelerator: Accelerator) -> nn.Module:
    """The net with the accelerator's precision, and BatchNorm over whole batches where that is wanted.

    Processes on a CPU keep the statistics of their own parts: torch synchronises GPUs only. Nothing else of
    the net knows of other processes, since DistributedDataParallel does not take to a net that is called
    twice in a step and frozen in the next. Its tensors stay where they are, on the device already: several
    processes call their CPU "cpu:0", for which they would be copied, and the average would watch others.
    """
    if recipe.sync_norm and accelerator.use_distributed and accelerator.device.type == "cuda":
        net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    # without `evaluation_mode` it is wrapped
    return accelerator.prepare_model(net, device_placement=False, evaluation_mode=True)


def _memory_format(device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: `python -m benchmarks.layout` measures it."""
    return torch.channels_last if device.type in {"cpu", "cuda"} else torch.contiguous_format


def _load_moments(optimizer: Optimizer, moments: dict[int, dict[str, Tensor]]) -> None:
    """Copies, since what was read lies in a file that will be replaced, laid out as the weights are here."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    copies = {n: {"step": values["step"].clone()} for n, values in moments.items()}
    for n, values in moments.items():
        for name in (_FIRST, _SECOND):
            moment = torch.zeros_like(weights[n])
            copies[n][name] = moment.copy_(values[name]) if name in values else moment
    optimizer.load_state_dict({"state": copies, "param_groups": optimizer.state_dict()["param_groups"]})
