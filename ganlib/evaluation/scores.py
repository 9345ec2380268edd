"""Two cheap scores that need no trained net: diversity and the sliced Wasserstein distance."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, normalize

_SIDE = 16  # small enough that grain does not count
_MOST_GROUPS = 8


class Diversity:
    """Compute how varied pictures are: their median distance to the nearest other, over that of real ones.

    1 is as varied as the real ones, 0 all the same. It says nothing of quality.
    """

    def __init__(self, real: Tensor) -> None:
        """Keep the real pictures small, (N, 3, H, W) in [-1, 1], best some hundreds of them."""
        self._real = _small(real)

    @torch.inference_mode()
    def __call__(self, generated: Tensor) -> float:
        """Compute it for two pictures or more, (N, 3, H, W) in [-1, 1]; 1 if no two real ones differ."""
        generated = generated[: max(2, len(self._real))]  # of more, the nearest would be nearer
        groups = self._real.split(min(len(generated), len(self._real)))
        whole = [group for group in groups[:_MOST_GROUPS] if len(group) == len(groups[0])]
        real = torch.stack([_median_to_nearest(group) for group in whole]).mean().item()
        return _median_to_nearest(_small(generated)).item() / real if 0 < real < torch.inf else 1.0


def _small(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) as (N, 768) or somewhat more."""
    return avg_pool2d(pictures.float(), _blocks(pictures, _SIDE)).flatten(1)


def _blocks(pictures: Tensor, side: int) -> tuple[int, int]:
    """Height and width of the blocks by which pictures (N, 3, H, W) come to some `side` x `side` places."""
    return pictures.shape[2] // side, pictures.shape[3] // side


def _median_to_nearest(pictures: Tensor) -> Tensor:
    """Each picture's distance to the nearest other one of (N, pixels); the median of these."""
    distances = torch.cdist(pictures, pictures, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(torch.inf).amin(1).median()


_SMALLEST_LEVEL = 16
_WHOLE = 8
_PATCH = 7
_PATCHES = 4096
_DIRECTIONS = 64
_QUANTILES = 1024


class SlicedWasserstein:
    """Compute how far generated pictures are from real ones; lower is better, and chance has no part.

    Patches of 7 x 7 pixels from every level of a Laplacian pyramid say how fine and coarse detail differs,
    whole pictures of 8 x 8 pixels how the arrangement does. Each kind is scaled to the spread of the real
    ones and laid out along random directions; the distance is the mean gap between the sorted places
    (Rabin et al. 2011; Karras et al. 2018, "Progressive growing of GANs", section 5).
    """

    def __init__(self, real: Tensor) -> None:
        """Measure the real pictures once, (N, 3, H, W) in [-1, 1], best some hundreds of them."""
        self._parts = [_Part(descriptors, seed) for seed, descriptors in enumerate(_descriptors(real))]

    @torch.inference_mode()
    def __call__(self, generated: Tensor) -> float:
        """Compute the distance of pictures (N, 3, H, W) in [-1, 1], on the device of the real ones.

        The fewer pictures there are, the larger it is by chance: compare only what was counted alike.
        """
        distances = map(_Part.distance, self._parts, _descriptors(generated))
        return torch.stack(list(distances)).mean().item()


class _Part:
    """One kind of descriptor: how the real ones are spread, and where they lie along the directions."""

    def __init__(self, real: Tensor, seed: int) -> None:
        self._mean = real.mean((0, 2), keepdim=True)
        self._spread = real.std((0, 2), keepdim=True).clamp(min=1e-3)
        chosen = torch.Generator().manual_seed(seed)
        directions = torch.randn(_DIRECTIONS, real[0].numel(), generator=chosen)
        self._directions = normalize(directions).to(real.device)
        self._places = self._sorted(real)

    def distance(self, generated: Tensor) -> Tensor:
        return (self._sorted(generated) - self._places).abs().mean()

    def _sorted(self, descriptors: Tensor) -> Tensor:
        """Quantiles (directions, quantiles) of descriptors (N, 3, pixels)."""
        scaled = ((descriptors - self._mean) / self._spread).flatten(1)
        places = (self._directions @ scaled.T).sort(1).values  # (directions, N)
        return interpolate(places[None], _QUANTILES, mode="linear", align_corners=True)[0]


@torch.inference_mode()
def _descriptors(pictures: Tensor) -> Iterator[Tensor]:
    """Patches (4096, 3, 49) of each level, the finest first, and whole pictures (N, 3, 64)."""
    chosen = torch.Generator().manual_seed(len(pictures))
    for level in _pyramid(pictures.float()):
        yield _patches(level, chosen)
    yield avg_pool2d(pictures.float(), _blocks(pictures, _WHOLE)).flatten(2)


def _pyramid(pictures: Tensor) -> Iterator[Tensor]:
    """What halving loses, level by level down to 32 px, and then what is left at 16 px."""
    while min(pictures.shape[2:]) > _SMALLEST_LEVEL:
        half = avg_pool2d(pictures, 2)
        yield pictures - interpolate(half, scale_factor=2, mode="bilinear")
        pictures = half
    yield pictures


def _patches(pictures: Tensor, chosen: torch.Generator) -> Tensor:
    """4096 patches (4096, 3, 49) at random places, taken from all pictures in turn."""
    corners = (
        torch.randint(side - _PATCH + 1, (_PATCHES, 1), generator=chosen) for side in pictures.shape[2:]
    )
    rows, columns = ((corner + torch.arange(_PATCH)).to(pictures.device) for corner in corners)  # (4096, 7)
    owners = torch.arange(_PATCHES, device=pictures.device) % len(pictures)
    cut = pictures.permute(0, 2, 3, 1)[owners[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cut.flatten(1, 2).transpose(1, 2)  # from (4096, 7, 7, 3)
