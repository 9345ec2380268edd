"""The training loop that every DCGAN tutorial has, kept as plain as it is found, for comparison."""

import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

from ganlib.recipes import Recipe

Batch = tuple[Tensor, Tensor]


def decoding_loader(folder: Path, recipe: Recipe) -> DataLoader[Batch]:
    """`ImageFolder` with two workers: every picture is decoded in every epoch."""
    centre = Normalize([0.5] * 3, [0.5] * 3)
    transform = Compose([Resize(recipe.size), CenterCrop(recipe.size), ToTensor(), centre])
    pictures = ImageFolder(str(folder), transform)
    return DataLoader(pictures, recipe.batch_size, shuffle=True, num_workers=2)


def epoch_rates(loader: Iterable[Batch], recipe: Recipe, device: str, epochs: int) -> list[float]:
    """Train and return the pictures a second of each epoch."""
    generator = recipe.generator().to(device)
    discriminator = nn.Sequential(recipe.discriminator(), nn.Sigmoid()).to(device)
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), recipe.g_lr, recipe.betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), recipe.d_lr, recipe.betas)
    rates = []
    for _ in range(epochs):
        began = time.perf_counter()
        shown = 0
        for batch, _ in loader:
            real = batch.to(device)
            ones = torch.ones(len(real), device=device)
            zeros = torch.zeros(len(real), device=device)

            discriminator.zero_grad()
            d_loss_real = criterion(discriminator(real).view(-1), ones)
            d_loss_real.backward()
            fake = generator(torch.randn(len(real), recipe.latent_dim, 1, 1, device=device))
            d_loss_fake = criterion(discriminator(fake.detach()).view(-1), zeros)
            d_loss_fake.backward()
            d_optimizer.step()

            generator.zero_grad()
            g_loss = criterion(discriminator(fake).view(-1), ones)
            g_loss.backward()
            g_optimizer.step()

            (d_loss_real + d_loss_fake).item(), g_loss.item()  # printed or stored by every tutorial
            shown += len(real)
        rates.append(shown / (time.perf_counter() - began))
    return rates
