"""The systems of `benchmarks.peers`, each on one thread of a CPU: two plain loops of others, and ganlib's."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ganlib.data.dataset import ImageDataset
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import get_recipe
from ganlib.runtime.files import write_atomically
from ganlib.training.budget import Interrupt
from ganlib.training.callbacks import Callback, Training
from ganlib.training.trainer import Trainer

_ENDLESS = 1e9  # kimg, and minutes between checkpoints: who calls `train` says when a run is saved

Watch = Callable[[float], object]


class Loop(ABC):
    """A plain loop in fp32 whose whole state lies in one file; an epoch shows every picture once.

    `seconds` of the CPU and `kimg` are what its steps have taken so far.
    """

    batch_size: int

    def __init__(self, art: ImageDataset, folder: Path, seed: int) -> None:
        """Build nets and optimisers, or restore them."""
        self.images = art.tensor(art.train).contiguous()  # (N, 3, H, W)
        self.seconds, self.kimg = 0.0, 0.0
        self.random = torch.Generator().manual_seed(seed)
        self._waiting = torch.empty(0, dtype=torch.long)  # what the epoch has not shown yet
        self._file = folder / "loop.pt"
        torch.manual_seed(seed)
        self.parts = self.build()
        if self._file.exists():
            self._load()

    @abstractmethod
    def build(self) -> dict[str, Any]:
        """Make what steps change; each part has a `state_dict`."""

    @abstractmethod
    def step(self, real: Tensor) -> None:
        """Learn from a batch (N, 3, H, W); all chance comes from `random`."""

    @abstractmethod
    def sample(self, count: int) -> Tensor:
        """Generate pictures (count, 3, H, W) in [-1, 1], always from the same seeds."""

    def train(self, until: float, watch: Watch) -> None:
        """Train until so many seconds are spent, and save; `watch` is told of them after each step.

        Raises:
            KeyboardInterrupt: the user wants it to end; everything is saved.
        """
        with Interrupt() as interrupt:
            began = time.process_time() - self.seconds
            while self.seconds < until and not interrupt.requested:
                self.step(self._batch())
                self.seconds = time.process_time() - began
                watch(self.seconds)
            self._save()
        if interrupt.requested:
            raise KeyboardInterrupt

    def _batch(self) -> Tensor:
        if not len(self._waiting):
            self._waiting = torch.randperm(len(self.images), generator=self.random)
        chosen, self._waiting = self._waiting[: self.batch_size], self._waiting[self.batch_size :]
        self.kimg += len(chosen) / 1000
        return self.images[chosen]

    def _save(self) -> None:
        state = {
            "counters": (self.seconds, self.kimg),
            "waiting": self._waiting.clone(),
            "random": self.random.get_state(),
            **{name: part.state_dict() for name, part in self.parts.items()},
        }
        write_atomically(self._file, lambda part: torch.save(state, part))

    def _load(self) -> None:
        state = torch.load(self._file, weights_only=True)
        self.seconds, self.kimg = state["counters"]
        self._waiting = state["waiting"]
        self.random.set_state(state["random"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


class DCGANExample(Loop):
    """PyTorch's DCGAN example, with its numbers (https://github.com/pytorch/examples, folder dcgan)."""

    batch_size = 64

    def build(self) -> dict[str, Any]:
        """Make its nets, whose weights are drawn from N(0, 0.02), and an Adam for each."""
        recipe = get_recipe("portraits64")
        self.latent_dim = recipe.latent_dim
        self.generator, self.discriminator = recipe.generator(), recipe.discriminator()
        nets = {"g": self.generator, "d": self.discriminator}
        self.adam = {
            name: torch.optim.Adam(net.parameters(), lr=0.0002, betas=(0.5, 0.999))
            for name, net in nets.items()
        }
        return nets | {f"{name}_adam": adam for name, adam in self.adam.items()}

    def step(self, real: Tensor) -> None:
        """Teach D on real and generated pictures, then G on the same generated ones."""
        criterion, ones, zeros = nn.BCELoss(), torch.ones(len(real)), torch.zeros(len(real))

        self.discriminator.zero_grad()
        criterion(self.discriminator.probability(real), ones).backward()
        fake = self.generator(torch.randn(len(real), self.latent_dim, 1, 1, generator=self.random))
        criterion(self.discriminator.probability(fake.detach()), zeros).backward()
        self.adam["d"].step()

        self.generator.zero_grad()
        criterion(self.discriminator.probability(fake), ones).backward()
        self.adam["g"].step()

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Generate as the example does: in training mode, by the statistics of each batch."""
        generator = deepcopy(self.generator)  # its running statistics change here, those of the run do not
        z = sample_latent(count, self.latent_dim)
        return torch.cat([generator(part) for part in z.split(self.batch_size)])


class SmallDDPM(Loop):
    """A DDPM of diffusers (Ho et al. 2020), sampled by that library's own DDIM pipeline (Song et al. 2021).

    Clipping and average are those of its example of unconditional training. The rate is ten times higher and
    does not warm up, which suits so few steps better.
    """

    batch_size = 16

    def build(self) -> dict[str, Any]:
        """Make a UNet of 2.7 million parameters, narrow where maps are large, its average and AdamW."""
        from diffusers import DDPMScheduler, UNet2DModel
        from diffusers.training_utils import EMAModel

        self.unet = UNet2DModel(
            sample_size=self.images.shape[-1],
            layers_per_block=1,
            block_out_channels=(16, 32, 64, 128),
            norm_num_groups=8,
            down_block_types=(*["DownBlock2D"] * 3, "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", *["UpBlock2D"] * 3),
        )
        self.scheduler = DDPMScheduler(num_train_timesteps=1000)
        self.adam = torch.optim.AdamW(self.unet.parameters(), lr=0.001)
        self.average = EMAModel(self.unet.parameters(), decay=0.9999, use_ema_warmup=True, power=0.75)
        return {"unet": self.unet, "adam": self.adam, "average": self.average}

    def step(self, real: Tensor) -> None:
        """Learn to tell the noise that was added to a batch."""
        noise = torch.randn(real.shape, generator=self.random)
        times = torch.randint(1000, (len(real),), generator=self.random)
        self.adam.zero_grad()
        mse_loss(self.unet(self.scheduler.add_noise(real, noise, times), times).sample, noise).backward()
        nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.adam.step()
        self.average.step(self.unet.parameters())

    def sample(self, count: int) -> Tensor:
        """Generate by the average of the weights in 50 steps, each picture from a seed of its own."""
        from diffusers import DDIMPipeline

        unet = deepcopy(self.unet).eval()
        self.average.copy_to(unet.parameters())
        pipeline = DDIMPipeline(unet=unet, scheduler=self.scheduler)
        pipeline.set_progress_bar_config(disable=True)
        draws = [torch.Generator().manual_seed(seed) for seed in range(count)]
        parts = [draws[start : start + self.batch_size] for start in range(0, count, self.batch_size)]
        made = [pipeline(len(part), part, num_inference_steps=50, output_type="np").images for part in parts]
        return torch.cat([torch.from_numpy(one).permute(0, 3, 1, 2).mul(2).sub(1) for one in made])


class Ganlib(Callback):
    """ganlib's default recipe, used like a `Loop`; the seconds in its checkpoints are those of the CPU."""

    def __init__(self, art: ImageDataset, folder: Path, seed: int, precision: str | None) -> None:
        """Build the nets, or restore them."""
        recipe = replace(get_recipe("modern64-cpu"), seed=seed)
        self._trainer = Trainer(
            recipe, art, folder, device="cpu", precision=precision, callbacks=[self], save_minutes=_ENDLESS
        )
        self.seconds, self.kimg = self._trainer.state.seconds, self._trainer.state.kimg

    def train(self, until: float, watch: Watch) -> None:
        """Train until so many seconds are spent, and save."""
        self._until, self._watch = until, watch
        self._trainer.fit(kimg=_ENDLESS)
        if self._trainer.interrupted:
            raise KeyboardInterrupt

    def on_start(self, trainer: Training) -> None:
        """Start the clock."""
        self._began = time.process_time() - self.seconds

    def on_step(self, trainer: Training) -> None:
        """Read it, and end training when it is time to."""
        self.seconds, self.kimg = time.process_time() - self._began, trainer.state.kimg
        trainer.state.seconds = self.seconds
        self._watch(self.seconds)
        if self.seconds >= self._until:
            trainer.stop()

    def sample(self, count: int) -> Tensor:
        """Generate by the average of G's weights."""
        z = sample_latent(count, self._trainer.recipe.latent_dim)
        return generate(self._trainer.state.ema.generator, z)


System = Loop | Ganlib
