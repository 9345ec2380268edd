"""Minibatch standard deviation (Karras et al. 2018, "Progressive growing of GANs", section 3)."""

import torch
from torch import Tensor, nn

_GROUP = 8  # pictures that are looked at together; where they cannot be shared out evenly, all are
_TINY = 1e-8


class BatchSpread(nn.Module):
    """Add a channel that says how much the pictures of a group differ: a collapsed G gives itself away.

    Input: (N, C, H, W). Output: (N, C + 1, H, W); the new channel is the standard deviation over the group,
    averaged over channels and places.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x with the channel."""
        size = _GROUP if len(x) % _GROUP == 0 else len(x)
        groups = x.float().unflatten(0, (size, -1))  # (size, groups, C, H, W)
        spread = (groups.var(0, correction=0) + _TINY).sqrt().mean((1, 2, 3), keepdim=True)
        channel = spread.to(x.dtype).repeat(size, 1, *x.shape[2:])  # (N, 1, H, W)
        return torch.cat([x, channel], 1)
