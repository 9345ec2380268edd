"""Fit named directions of a portrait generator by what its pictures measure, as lesson 07 does by hand.

`python data/label_directions.py portraits` writes `weights/portraits.directions.json`, whose directions are
the first sliders of the studio: background, hair, skin and shirt, each at right angles to the other three.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from ganlib.latent.directions import fitted_direction, orthogonalise
from ganlib.latent.sampling import generate, sample_latent
from ganlib.studio.notes import NotedDirection, Notes, write_notes
from ganlib.weights import load_generator

WEIGHTS = Path(__file__).parent / "weights"
_SAMPLES = 4000
_SEED = 10_000


def background(pictures: Tensor) -> Tensor:
    """Measure how warm the upper corners of pictures (N, 3, 64, 64) are: red against blue, (N,)."""
    corners = torch.cat([pictures[:, :, :8, :8], pictures[:, :, :8, -8:]], dim=3)
    return (corners[:, 0] - corners[:, 2]).mean((1, 2))


def hair(pictures: Tensor) -> Tensor:
    """Measure how much of the upper part of pictures (N, 3, 64, 64) is black, (N,)."""
    return (pictures[:, :, :40].amax(1) < -0.5).float().mean((1, 2))  # noqa: PLR2004 (a quarter of white)


def skin(pictures: Tensor) -> Tensor:
    """Measure how light the face of pictures (N, 3, 64, 64) is, (N,), beards and glasses left aside."""
    return pictures[:, :, 28:44, 30:46].mean(1).flatten(1).quantile(0.7, dim=1)


def shirt(pictures: Tensor) -> Tensor:
    """Measure how warm the lower edge of pictures (N, 3, 64, 64) is: red against blue, (N,)."""
    return (pictures[:, 0, -4:, 20:36] - pictures[:, 2, -4:, 20:36]).mean((1, 2))


ATTRIBUTES = background, hair, skin, shirt


def labelled(name: str, samples: int = _SAMPLES) -> Notes:
    """Fit a direction from the lowest quarter to the highest of each attribute, and set them apart."""
    generator, recipe = load_generator(name)
    z = sample_latent(samples, recipe.latent_dim, _SEED)
    pictures = generate(generator, z)
    fitted = []
    for attribute in ATTRIBUTES:
        values = attribute(pictures)
        low, high = values.quantile(torch.tensor([0.25, 0.75]))
        fitted.append(fitted_direction(z[values <= low], z[values >= high]))
    others = (torch.stack(fitted[:k] + fitted[k + 1 :]) for k in range(len(fitted)))
    apart = (orthogonalise(one, rest) for one, rest in zip(fitted, others, strict=True))
    names = (attribute.__name__ for attribute in ATTRIBUTES)
    return Notes([NotedDirection(name, vector) for name, vector in zip(names, apart, strict=True)], [])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="bundled weights of portraits, 64 px")
    name = parser.parse_args().name
    write_notes(WEIGHTS / f"{name}.directions.json", labelled(name))


if __name__ == "__main__":
    main()
