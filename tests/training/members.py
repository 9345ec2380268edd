"""What each process does in the tests of a team: `python -m tests.training.members WHAT FOLDER`."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import notebook_launcher
from torch import nn

from ganlib.cli import main
from ganlib.data.loader import Batches
from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.runtime.device import detect
from ganlib.recipes import Recipe
from ganlib.runtime.distributed import Distributed
from ganlib.training.trainer import Trainer

NO_NORM = Recipe(
    "test",
    size=32,
    latent_dim=8,
    width=4,
    d_norm="spectral",
    g_norm="none",
    init="default",  # DCGAN's small weights without BatchNorm make gradients of which rounding decides
    hflip=True,
    batch_size=100,
)
FIRST, LAST = 0.7, 1.3  # kimg


def pictures(seed: int = 0) -> ImageDataset:
    """An even number of soft random pictures to train on, so that two can share every epoch whole."""
    coarse = np.random.default_rng(seed).integers(0, 256, (460, 4, 4, 3), dtype=np.uint8)
    art = ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")
    odd = art.train[: len(art.train) % 2]
    return ImageDataset(np.delete(art.images, odd, axis=0), "blocks")


def talk(team: Distributed, folder: Path) -> None:
    """Say everything once, and write down what was heard."""
    rank = float(team.share.rank)
    layer = nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last)
    unused = nn.Parameter(torch.zeros(2))
    layer.weight.grad = torch.arange(24.0).reshape(3, 2, 2, 2).to(memory_format=torch.channels_last) + rank
    layer.bias.grad = torch.tensor([10.0, 20.0, 30.0]) * rank
    team.average_gradients([layer.weight, unused, layer.bias])
    heard = {
        "share": tuple(team.share),
        "leads": team.leads,
        "weight": layer.weight.grad,
        "bias": layer.bias.grad,
        "unused": unused.grad,
        "mean": team.mean(torch.tensor([rank, 4.0])),
        "agree": team.agree(False, rank == 1, True),
        "broadcast": team.broadcast({"from": rank, "tensor": torch.full((2,), rank)}),
        "same": [team.same("art"), team.same(f"art {rank}")],
        "part": team.share.of(torch.arange(6)),
    }
    with team.in_turn(), (folder / "turns").open("a") as file:
        for word in ("begins", "ends"):
            file.write(f"{word}\n")
            file.flush()
            time.sleep(0.1)  # time for the other to come between, if it could
    torch.save(heard, folder / f"{team.share.rank}.pt")


def lose(team: Distributed, folder: Path) -> None:
    """The second process dies as if the machine had killed it; the first one still asks it something."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends those who are left
    team.agree(True)
    if not team.leads:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        team.agree(True)
    except GanlibError as error:
        (folder / "said").write_text(str(error), encoding="utf-8")


def train(team: Distributed, folder: Path) -> None:
    """Train together in all the ways that the tests look at; in the end the second process dies."""
    rank = team.share.rank
    trainer(folder / f"run{rank}").fit(kimg=FIRST)
    second = trainer(folder / f"run{rank}")
    second.fit(kimg=LAST)
    seen = {
        "state": second.state.state_dict(),
        "epoch": epoch(team),
        "stopped": stopped(team, folder / f"stopped{rank}"),
        "gone back": gone_back(team, folder / f"diverged{rank}"),
        "pictures": refused(lambda: trainer(folder / "never", art=pictures(rank))),
        "odd batch": refused(lambda: trainer(folder / "never", recipe=replace(NO_NORM, batch_size=101))),
        "recipe": refused(lambda: trainer(folder / "never", recipe=Recipe("test", size=32, seed=rank))),
    }
    torch.save(seen, folder / f"{rank}.pt")
    dies(team, folder)


def trainer(run: Path, art: ImageDataset | None = None, recipe: Recipe = NO_NORM, **settings) -> Trainer:
    return Trainer(recipe, art or pictures(), run, device="cpu", callbacks=[], **settings)


def epoch(team: Distributed) -> list[bytes]:
    """The pictures that this process sees in an epoch, as text."""
    batches = Batches(pictures(), 32, torch.device("cpu"), share=team.share)
    seen = []
    while not batches.at_end():
        seen += [picture.numpy().tobytes() for picture in batches.next()]
    return seen


def stopped(team: Distributed, run: Path) -> tuple[int, bool]:
    """The second process alone is interrupted in its third step."""
    one = trainer(run)
    after_step(one, 3, lambda: team.leads or signal.raise_signal(signal.SIGINT))
    one.fit(kimg=LAST)
    return one.state.step, one.interrupted


def gone_back(team: Distributed, run: Path) -> tuple[int, float]:
    """The second process alone meets a loss that is no number in its third step."""
    one = trainer(run)
    after_step(one, 3, lambda: team.leads or one._game.last_values.fill_(torch.nan))
    one.fit(kimg=FIRST)
    return one.state.rollbacks, one.state.g_optimizer.param_groups[0]["lr"]


def dies(team: Distributed, folder: Path) -> None:
    """The second process is killed in its eighth step; everything is saved after each."""
    one = trainer(folder / f"dies{team.share.rank}", save_minutes=0)
    after_step(one, 8, lambda: team.leads or os.kill(os.getpid(), signal.SIGKILL))
    (folder / "lost").write_text(refused(lambda: one.fit(kimg=LAST)), encoding="utf-8")


def after_step(one: Trainer, step: int, act) -> None:
    play = one._game.play

    def plays() -> None:
        play()
        if one.state.step == step:
            one._game.play = play
            act()

    one._game.play = plays


def refused(act) -> str:
    try:
        act()
    except GanlibError as error:
        return str(error)
    return ""


def bf16(folder: Path) -> None:
    """One process computes in bf16, once without a pause and once with one; then so does the command."""
    whole, parts = (trainer(folder / name, precision="bf16") for name in ("whole", "parts"))
    whole.fit(kimg=LAST)
    parts.fit(kimg=FIRST)
    again = trainer(folder / "parts", precision="bf16")
    again.fit(kimg=LAST)
    torch.save(whole.state.state_dict(), folder / "whole.pt")
    torch.save(again.state.state_dict(), folder / "parts.pt")
    size = ["--set", "width=2", "batch_size=8", "--kimg", "0.02"]
    main(["train", "portraits64-cpu", "--run", str(folder / "cli"), *size, "--precision", "bf16"])


def notebook(folder: Path) -> None:
    """A notebook forks two processes that train together."""
    notebook_launcher(fit, (folder,), 2, rdzv_backend="c10d", rdzv_endpoint="localhost:0")  # any free port


def fit(folder: Path) -> None:
    rank = Distributed.join(detect("cpu")).share.rank
    one = trainer(folder / f"run{rank}")
    one.fit(kimg=LAST)
    torch.save(one.state.state_dict(), folder / f"{rank}.pt")


if __name__ == "__main__":
    what, place = sys.argv[1:]
    os.environ["XDG_CACHE_HOME"] = place
    if what in {"bf16", "notebook"}:
        {"bf16": bf16, "notebook": notebook}[what](Path(place))
    else:
        {"talk": talk, "lose": lose, "train": train}[what](Distributed.join(detect("cpu")), Path(place))
