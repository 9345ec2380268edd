"""What the heads of a projected discriminator learn, and what G learns from them."""

import torch
from torch import Tensor

from ganlib.augment import Augment
from ganlib.losses import AdversarialLoss
from ganlib.nets.projected import FrozenFeatures, ProjectedHeads

_AUGMENT = ("translate", "colour")  # without, the heads soon know every real picture
_GAMMA = 2.0  # of R1 + R2 at the maps


class ProjectedLosses:
    """The losses of heads on the maps of a frozen net, step by step.

    The maps of fakes are computed once: the heads learn from them alone, then G learns through them.
    """

    def __init__(self, heads: ProjectedHeads, loss: AdversarialLoss, device: torch.device) -> None:
        """Read the frozen net; raise `GanlibError` if its weights are not there."""
        self.heads = heads
        self.loss = loss
        self.augment = Augment(_AUGMENT)
        layout = torch.channels_last
        self.features = FrozenFeatures().to(device, memory_format=layout)  # type: ignore[call-overload]
        self._real: list[Tensor] = []
        self._fake: list[Tensor] = []

    @torch.no_grad()
    def begin(self, real: Tensor) -> None:
        """Scale the maps, once and for all, by those of real images (N, 3, H, W)."""
        self.heads.scale(self.features(real))

    def discriminator(self, real: Tensor, fake: Tensor, penalty_times: float = 0.0) -> Tensor:
        """Compute the loss of the heads on real and fake images, (N, 3, H, W), and R1 + R2 so many times."""
        with torch.autocast(real.device.type, enabled=False):
            with torch.no_grad():
                self._real = self.heads.mix(self.features(self.augment(real)))
            self._fake = self.heads.mix(self.features(self.augment(fake.float())))
            fakes = [one.detach() for one in self._fake]
            value = self.loss.discriminator(self.heads(self._real), self.heads(fakes))
            if penalty_times:
                both = self._penalty(self._real) + self._penalty(fakes)
                value = value + _GAMMA / 2 * penalty_times * both
        return value

    def generator(self) -> Tensor:
        """Compute the loss of G on the fakes that the heads saw last."""
        fake, self._fake = self._fake, []
        with torch.autocast(fake[0].device.type, enabled=False):
            logits = [self.heads(fake)]
            if self.loss.of_pairs:
                with torch.no_grad():
                    logits += [self.heads(self._real)]
            return self.loss.generator(*logits)

    def _penalty(self, maps: list[Tensor]) -> Tensor:
        """Compute the squared length of the gradient at a picture's maps, mean over logits and pictures."""
        maps = [one.detach().requires_grad_() for one in maps]
        logits = self.heads(maps)
        gradients = torch.autograd.grad(logits.sum(), maps, create_graph=True)
        return torch.stack([gradient.square().sum() for gradient in gradients]).sum() / logits.numel()
