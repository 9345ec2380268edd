"""Everything that changes while a run trains, in one object that can be saved and restored."""

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import Any, NamedTuple, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel

from ganlib.data.loader import Batches
from ganlib.errors import GanlibError, first_line
from ganlib.nets.projected import ProjectedHeads
from ganlib.recipes import Recipe
from ganlib.runtime.distributed import Distributed
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.rng import RunRng

_WARM_UP = 0.05  # the half-life is at most this share of the pictures seen so far (Karras et al. 2020)


class GeneratorEMA:
    """Exponential moving average of G, weights and BatchNorm statistics, with a half-life in kimg.

    The average lives in torch's `AveragedModel`. Its `update_parameters` copies a counter to the device in
    every call, for which the device has to stop, so the update itself is done here.
    """

    def __init__(self, generator: nn.Module, half_life_kimg: float) -> None:
        """Start at the generator's own weights; where they change later they change in place."""
        self.half_life_kimg = half_life_kimg
        self.model = AveragedModel(generator, use_buffers=True).eval()
        self._floats, self._counts = _split(self.generator)
        self._from_floats, self._from_counts = _split(generator)

    @property
    def generator(self) -> nn.Module:
        """The averaged generator, in eval mode."""
        return self.model.module

    @torch.no_grad()
    def update(self, batch_size: int, kimg: float) -> None:
        """Move towards the generator after a step of `batch_size` pictures, `kimg` in all so far."""
        half_life = min(self.half_life_kimg, _WARM_UP * kimg)
        decay = 0.5 ** (batch_size / 1000 / half_life) if half_life > 0 else 0.0
        torch._foreach_lerp_(self._floats, self._from_floats, 1 - decay)
        if self._counts:
            torch._foreach_copy_(self._counts, self._from_counts)
        self.model.n_averaged += 1


def _split(net: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and statistics, and the whole numbers among the buffers: BatchNorm's counts of batches."""
    tensors = [tensor.detach() for tensor in (*net.parameters(), *net.buffers())]
    floats = [tensor for tensor in tensors if tensor.is_floating_point()]
    return floats, [tensor for tensor in tensors if not tensor.is_floating_point()]


def freeze_first(net: nn.Module, count: int) -> None:
    """Freeze the weights of the first `count` layers of a net (FreezeD, Mo et al. 2020)."""
    layers = [layer for layer in getattr(net, "main", net).children() if [*layer.parameters()]]
    for layer in layers[:count]:
        layer.requires_grad_(False)


MAX_ROLLBACKS = 3
COUNTERS = ("step", "images", "shown", "seconds")
_FIRST, _SECOND = "exp_avg", "exp_avg_sq"


class Best(NamedTuple):
    """The best score so far, when it was, and what it was measured in: "score" or "kid"."""

    score: float
    kimg: float
    by: str = "score"


@dataclass
class TrainingState:
    """Nets, optimisers, average, place in the data, and counters.

    `images` counts the real pictures shown to D, `shown` those of every step, whoever was trained in it.
    `totals` and `counted` are the sums since the last row of the log: the losses of D and G, D(x), D(G(z)).
    `rollbacks` counts how often the run had to go back, each time with half the learning rates. `told` names
    the diagnostics that were given, `pending` are those that no row of the log holds yet. `last_look` is the
    step of the samples that were made only because training paused there. `d_forward` is D's own forward
    pass, which stays in fp32. `replayed` says whether nets are CUDA graphs, whose results last for one step.
    """

    recipe: Recipe
    accelerator: Accelerator
    batches: Batches
    rng: RunRng
    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: Optimizer
    d_optimizer: Optimizer
    ema: GeneratorEMA
    d_forward: Callable[[Tensor], Tensor]
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    shown: int = 0
    totals: Tensor = field(default_factory=lambda: torch.zeros(4))
    counted: list[int] = field(default_factory=lambda: [0] * 4)
    rollbacks: int = 0
    best: Best | None = None
    told: list[str] = field(default_factory=list)
    pending: list[Diagnostic] = field(default_factory=list)
    last_look: int | None = None
    replayed: bool = False

    @classmethod
    def new(
        cls,
        recipe: Recipe,
        batches: Batches,
        accelerator: Accelerator,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
    ) -> "TrainingState":
        """Make the state before the first step; nets that are not given are drawn from the recipe's seed."""
        device = accelerator.device
        # Channels last where it is faster: `python -m benchmarks.layout` measures it.
        layout = torch.contiguous_format if device.type == "mps" else torch.channels_last
        rng = RunRng(device, recipe.seed)
        with rng.used():
            g = recipe.generator() if generator is None else generator
            d = recipe.discriminator() if discriminator is None else discriminator
            if recipe.projected:
                d.add_module("projected", ProjectedHeads())
        freeze_first(d, recipe.freeze_d)
        for net in (g, d):
            net.to(device).to(memory_format=layout)
        d_forward = d.forward  # before accelerate puts its own in place
        ema = GeneratorEMA(g, recipe.ema_kimg)
        g_optimizer = Adam(g.parameters(), recipe.g_lr, recipe.betas, fused=True)
        d_optimizer = Adam(d.parameters(), recipe.d_lr, recipe.betas, fused=True)
        state = cls(
            recipe,
            accelerator,
            batches,
            rng,
            _prepared(g, recipe, accelerator),
            _prepared(d, recipe, accelerator),
            accelerator.prepare_optimizer(g_optimizer),
            accelerator.prepare_optimizer(d_optimizer),
            ema,
            d_forward,
            totals=torch.zeros(4, device=device),
        )
        state.count_classes()
        return state

    def count_classes(self) -> None:
        """Let G and its average know how many of the pictures are of each class, where there are any."""
        if self.recipe.classes:
            for net in (self.nets()["generator"], self.ema.generator):
                cast(Tensor, net.class_shares).copy_(self.batches.class_shares())

    @property
    def kimg(self) -> float:
        """Thousand real pictures shown to D so far."""
        return self.images / 1000

    @property
    def epochs(self) -> float:
        """Passes over the training pictures so far."""
        return self.images / len(self.batches)

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values only, so that they can be read with `weights_only=True`."""
        return {
            **{name: net.state_dict() for name, net in self.nets().items()},
            "g_optimizer": self._moments(self.g_optimizer),
            "d_optimizer": self._moments(self.d_optimizer),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "totals": self.totals.cpu(),
            "counted": self.counted,
            "data": {
                "pictures": len(self.batches),
                "fingerprint": self.batches.fingerprint,
                "checksums": self.batches.checksums,
                "epoch": self.batches.epoch,
                "position": self.batches.position,
            },
            "random": self.rng.state_dict(),
            "rollbacks": self.rollbacks,
            "best": list(self.best) if self.best else None,
            "told": list(self.told),
            "pending": [asdict(diagnostic) for diagnostic in self.pending],
            "last_look": self.last_look,
        }

    def _moments(self, optimizer: Optimizer) -> dict[int, dict[str, Tensor]]:
        """Leave out first moments where beta1 is 0: the next gradient takes their place."""
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
        for name in COUNTERS:
            setattr(self, name, state["counters"][name])
        self.totals.copy_(state["totals"])
        self.counted = list(state["counted"])
        self.batches.start_epoch(state["data"]["epoch"], state["data"]["position"])
        self.rng.load_state_dict(state["random"])
        self.best = Best(*state["best"]) if state["best"] else None
        self.told = list(state["told"])
        self.pending = [Diagnostic(**diagnostic) for diagnostic in state["pending"]]
        self.last_look = state["last_look"]
        self.rollbacks = state["rollbacks"]
        self.set_adam()

    def follow_main(self, distributed: Distributed) -> None:
        """Go to the place where the main process is."""
        if distributed.size == 1:
            return
        buffer = BytesIO()
        torch.save(self.state_dict(), buffer)
        led = BytesIO(distributed.broadcast(buffer.getvalue()))
        if not distributed.is_main:
            self.load_state_dict(torch.load(led, map_location="cpu", weights_only=True))

    def set_adam(self) -> None:
        """Set second betas and learning rates to what they are by now; each rollback has halved the rates."""
        now = self.recipe.at(self.kimg)
        for optimizer, rate in ((self.g_optimizer, self.recipe.g_lr), (self.d_optimizer, self.recipe.d_lr)):
            for group in optimizer.param_groups:
                group["lr"] = now.lr_share * rate / 2**self.rollbacks
                group["betas"] = (self.recipe.betas[0], now.beta2)

    def is_finite(self) -> bool:
        """Tell whether no weight, average or sum is NaN or infinite; asking waits for the device."""
        tensors = [tensor for net in self.nets().values() for tensor in net.state_dict().values()]
        norms = torch._foreach_norm([t for t in (*tensors, self.totals) if t.is_floating_point()])
        return bool(torch.stack(norms).isfinite().all())

    def nets(self) -> dict[str, nn.Module]:
        """Return the nets that are saved, by name."""
        unwrap = self.accelerator.unwrap_model
        return {
            "generator": unwrap(self.generator),
            "discriminator": unwrap(self.discriminator),
            "ema": self.ema.model,
        }


def _prepared(net: nn.Module, recipe: Recipe, accelerator: Accelerator) -> nn.Module:
    """Give the net the accelerator's precision, and BatchNorm over whole batches where that is wanted.

    Torch synchronises GPUs only. DistributedDataParallel does not take to a net that is called twice in a
    step and frozen in the next. Tensors stay where they are, or the average would watch others.
    """
    if recipe.sync_norm and accelerator.use_distributed and accelerator.device.type == "cuda":
        net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    # without `evaluation_mode` it is wrapped
    return accelerator.prepare_model(net, device_placement=False, evaluation_mode=True)


def _load_moments(optimizer: Optimizer, moments: dict[int, dict[str, Tensor]]) -> None:
    """Copies, since what was read lies in a file that will be replaced, laid out as the weights are here."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    copies = {n: {"step": values["step"].clone()} for n, values in moments.items()}
    for n, values in moments.items():
        for name in (_FIRST, _SECOND):
            moment = torch.zeros_like(weights[n])
            copies[n][name] = moment.copy_(values[name]) if name in values else moment
    optimizer.load_state_dict({"state": copies, "param_groups": optimizer.state_dict()["param_groups"]})


def check_compiler(device: torch.device) -> None:
    """Compile a line on `device`, which takes a few seconds; raise `GanlibError` if that does not work."""
    try:
        torch.compile(lambda x: x.sin() + 1, dynamic=False)(torch.ones(2, device=device))
    except Exception as error:  # each platform and version fails in a way of its own
        reason = first_line(error).rstrip(".:")
        wanted = "Triton and a C compiler" if device.type == "cuda" else "a C++ compiler, such as g++"
        raise GanlibError(
            f"torch.compile does not work here ({reason}): leave out --compile, in Python compiled=True, or "
            f"install {wanted}."
        ) from error


def compile_nets(state: TrainingState) -> None:
    """Compile, in place, the nets of `state` that no gradient penalty passes through.

    That is G, and D where the recipe has no penalty, for torch.compile cannot differentiate twice. Names of
    weights stay as they are: a compiled run and a plain one go on with each other's checkpoints, and agree
    but for rounding. Two shapes are compiled, a whole batch and the last one of an epoch.

    On CUDA each compiled part is replayed as a CUDA graph, whose results are overwritten in the next step:
    losses are copied, and `train_step` announces each. What it brings stands in benchmarks/RESULTS.md.
    """
    state.replayed = state.accelerator.device.type == "cuda"
    mode = "reduce-overhead" if state.replayed else None
    for net in (state.generator, *(() if any(state.recipe.penalty) else (state.discriminator,))):
        if not any(isinstance(layer, nn.SyncBatchNorm) for layer in net.modules()):
            net.compile(mode=mode, dynamic=False, **_own_versions())


def _own_versions() -> dict[str, bool]:
    """Let no other run in this process use up the number of versions that torch keeps, where it can."""
    name = "isolate_recompiles"  # older versions of torch do not know it
    return {name: True} if name in inspect.signature(torch.compile).parameters else {}
