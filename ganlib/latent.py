"""The latent space: tensors in, tensors out."""

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError

_LARGEST_SEED = 2**63 - 1


def sample_latent(count: int, latent_dim: int, seed: int = 0) -> Tensor:
    """Draw z, (count, latent_dim), from N(0, 1): row k belongs to seed plus k alone, on the CPU.

    So one seed is one picture, whatever the batch, the count or the device it is painted on.

    Raises:
        GanlibError: the count or the seed is out of range.
    """
    if count < 1:
        raise GanlibError(f"A count of {count} pictures paints nothing: ask for at least 1.")
    if not 0 <= seed <= _LARGEST_SEED - count:
        raise GanlibError(f"The seed {seed} is out of range: choose one from 0 to 2**63 - 1.")
    return torch.stack([_one_latent(latent_dim, seed + k) for k in range(count)])


def _one_latent(latent_dim: int, seed: int) -> Tensor:
    return torch.randn(latent_dim, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def paint(generator: nn.Module, z: Tensor, batch_size: int = 64) -> Tensor:
    """Pictures (N, 3, S, S) in [-1, 1], on the CPU, of z (N, latent_dim), in eval mode."""
    was_training = generator.training
    device = next(generator.parameters()).device
    generator.eval()
    try:
        return torch.cat([generator(part.to(device)).float().cpu() for part in z.split(batch_size)])
    finally:
        generator.train(was_training)
