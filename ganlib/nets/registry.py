"""The families of nets a recipe can name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlib.nets.excitation import ExcitedGenerator
from ganlib.nets.residual import ResidualDiscriminator, ResidualGenerator
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator

if TYPE_CHECKING:
    from ganlib.recipes.recipe import Recipe


class Family(NamedTuple):
    """How to build the two players of a recipe."""

    generator: Callable[["Recipe"], Generator]
    discriminator: Callable[["Recipe"], Discriminator]


def _dcgan_discriminator(recipe: "Recipe") -> Discriminator:
    return DCGANDiscriminator(
        recipe.size,
        recipe.width,
        recipe.d_norm,
        norm_first=recipe.d_norm_first,
        dropout=recipe.d_dropout,
        spread=recipe.minibatch_stddev,
        init=recipe.init,
    )


FAMILIES = {
    "dcgan": Family(
        lambda r: DCGANGenerator(r.size, r.latent_dim, r.width, r.g_norm, init=r.init),
        _dcgan_discriminator,
    ),
    "excited": Family(
        lambda r: ExcitedGenerator(r.size, r.latent_dim, r.width, init=r.init),
        _dcgan_discriminator,
    ),
    "residual": Family(
        lambda r: ResidualGenerator(r.size, r.latent_dim, r.width),
        lambda r: ResidualDiscriminator(r.size, r.width),
    ),
    "resize": Family(
        lambda r: ResizeGenerator(r.size, r.latent_dim, r.width, init=r.init),
        lambda r: ResizeDiscriminator(r.size, r.width, dropout=r.d_dropout, init=r.init),
    ),
}
