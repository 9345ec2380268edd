"""What a recipe costs before it is run: parameters, memory and arithmetic, counted on nets without values."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ganlib.nets.base import Discriminator, Generator, frozen
from ganlib.recipes import Recipe

_FLOAT = 4  # bytes
_STATE = 4  # numbers a parameter: itself, its gradient, and Adam's two averages
_PASSES_OF_PENALTIES = 12  # R1 and R2: forward, back to the pictures, and either with two derivatives more
_PICTURES = 2  # counted with two, because one alone may be a special case


@dataclass(frozen=True)
class Cost:
    """What one recipe costs.

    `activation_bytes` is what one picture leaves behind for the backward passes of a step, in fp32, and
    `penalty_bytes` what R1 and R2 add to it; `flops` is the arithmetic of one step of both nets a picture,
    a multiply and an add counted as two.
    """

    generator_parameters: int
    discriminator_parameters: int
    activation_bytes: int
    penalty_bytes: int
    flops: int

    def memory(self, batch_size: int, mixed: bool = False) -> int:
        """Count the bytes for training, at most: weights, gradients, Adam, average, and activations.

        Not all activations of a step are there at the same time, D's own are gone when G learns. In mixed
        precision they take half, but for those of the penalties; what the device keeps for itself comes on
        top.
        """
        parameters = self.generator_parameters + self.discriminator_parameters
        state = _FLOAT * (_STATE * parameters + self.generator_parameters)
        activations = self.activation_bytes // (2 if mixed else 1)
        return state + batch_size * (activations + self.penalty_bytes)


def cost(recipe: Recipe) -> Cost:
    """Count a recipe's cost: a moment's work at any size, for nothing is computed."""
    countable = replace(recipe, d_norm="none") if recipe.d_norm == "spectral" else recipe
    with torch.device("meta"):
        generator, discriminator = countable.generator(), countable.discriminator()
        z = torch.randn(_PICTURES, recipe.latent_dim)
        real = torch.randn(_PICTURES, 3, *recipe.shape)
        with _saved(generator, discriminator) as saved:
            flops = _flops(lambda: _step(generator, discriminator, z, real))
        look = _flops(lambda: discriminator(real))
        if recipe.fakes == "fresh":
            flops += _flops(lambda: generator(z))
        if recipe.adversarial_loss().of_pairs:
            flops += look
        if any(recipe.penalty):
            flops += _PASSES_OF_PENALTIES * look // recipe.penalty_every
        with _saved(discriminator) as saved_by_penalties:
            if any(recipe.penalty):
                _penalise(discriminator, real)
    parameters = _count(generator), _count(discriminator)
    return Cost(*parameters, _bytes(saved), _bytes(saved_by_penalties), flops // _PICTURES)


def _flops(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _step(generator: Generator, discriminator: Discriminator, z: Tensor, real: Tensor) -> None:
    fake = generator(z)
    (discriminator(real).sum() + discriminator(fake.detach()).sum()).backward()
    with frozen(discriminator):
        discriminator(fake).sum().backward()


def _penalise(discriminator: Discriminator, images: Tensor) -> None:
    """What R1 and R2 do, without setting the precision, which nets without values do not have."""
    for _ in range(2):
        seen = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(seen).sum(), seen, create_graph=True)
        gradient.square().sum()


def _bytes(saved: dict[int, Tensor]) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values()) // _PICTURES


def _count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


@contextmanager
def _saved(*nets: nn.Module) -> Iterator[dict[int, Tensor]]:
    """Every tensor that is kept for a backward pass, but for the weights."""
    weights = {_key(tensor) for net in nets for tensor in (*net.parameters(), *net.buffers())}
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if _key(tensor) not in weights:
            saved[_key(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield saved


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
