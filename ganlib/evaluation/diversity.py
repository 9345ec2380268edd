"""How varied painted pictures are, next to real ones."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

_SIDE = 16  # small enough that grain does not count
_MOST_GROUPS = 8


class Diversity:
    """Half of the pictures have none nearer than this, as a share of the same among as many real ones.

    1 is as varied as the real ones, 0 all the same. It says nothing of quality.
    """

    def __init__(self, real: Tensor) -> None:
        """Keep the real pictures small, (N, 3, S, S) in [-1, 1], best some hundreds of them."""
        self._real = _small(real)

    @torch.inference_mode()
    def __call__(self, painted: Tensor) -> float:
        """The share for `painted`, two or more, (N, 3, S, S) in [-1, 1]; 1 if no two real ones differ."""
        groups = self._real.split(min(len(painted), len(self._real)))
        whole = [group for group in groups[:_MOST_GROUPS] if len(group) == len(groups[0])]
        real = torch.stack([_median_to_nearest(group) for group in whole]).mean().item()
        return _median_to_nearest(_small(painted)).item() / real if 0 < real < torch.inf else 1.0


def _small(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) as (N, 768)."""
    return avg_pool2d(pictures.float(), pictures.shape[2] // _SIDE).flatten(1)


def _median_to_nearest(pictures: Tensor) -> Tensor:
    """Each picture's distance to the nearest other one of (N, pixels); the median of these."""
    distances = torch.cdist(pictures, pictures, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(torch.inf).amin(1).median()
