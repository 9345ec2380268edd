"""The moving average of the generator's weights, which paints every picture that is shown."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_WARM_UP = 0.05  # the half-life is at most this share of the pictures seen so far (Karras et al. 2020)


class GeneratorAverage:
    """Exponential moving average of G, weights and BatchNorm statistics, with a half-life in kimg."""

    def __init__(self, generator: nn.Module, half_life_kimg: float) -> None:
        """Start at the generator's own weights."""
        self.half_life_kimg = half_life_kimg
        self._decay = 0.0
        self.model = AveragedModel(generator, multi_avg_fn=self._average, use_buffers=True)
        self.model.eval()

    @property
    def generator(self) -> nn.Module:
        """The averaged generator, in eval mode."""
        return self.model.module

    def update(self, generator: nn.Module, batch_size: int, kimg: float) -> None:
        """Move towards the generator after a step of `batch_size` pictures, `kimg` in all so far."""
        half_life = min(self.half_life_kimg, _WARM_UP * kimg)
        self._decay = 0.5 ** (batch_size / 1000 / half_life) if half_life > 0 else 0.0
        self.model.update_parameters(generator)

    @torch.no_grad()
    def _average(self, averages: Sequence[Tensor], values: Sequence[Tensor], _: object) -> None:
        if averages[0].is_floating_point():
            torch._foreach_lerp_(list(averages), list(values), 1 - self._decay)
            return
        for average, value in zip(averages, values, strict=True):  # BatchNorm's count of batches
            average.copy_(value)
