"""The moving average of the generator's weights, which paints every picture that is shown."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_WARM_UP = 0.05  # the half-life is at most this share of the pictures seen so far (Karras et al. 2020)


class GeneratorAverage:
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
