"""Put a trained generator into `data/weights`, in half precision, with a JSON of how it was trained.

`python data/bundle_weights.py runs/night portraits` writes `portraits.safetensors` and `portraits.json`. If
that run started from others, `--earlier runs/small runs/middle` names them, so that all commands are kept. Of
that run, or one that started from it, `--discriminator` writes `discriminators/portraits.safetensors`.
"""

import argparse
import hashlib
import json
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ganlib.data.dataset import load_art
from ganlib.evaluation.quality import Figures, measure_quality
from ganlib.recipes import get_recipe
from ganlib.run import Run
from ganlib.runtime.device import detect
from ganlib.runtime.files import make_folder
from ganlib.training.checkpoint import read_checkpoint
from ganlib.weights import kimg_of, load_generator, save_generator

WEIGHTS = Path(__file__).parent / "weights"


def bundle(
    run: Run,
    name: str,
    art: str,
    threads: int,
    best: bool = False,
    folder: Path = WEIGHTS,
    earlier: Sequence[Run] = (),
) -> Path:
    """Write the last or the best generator of `run` as `name`, and return the path of its weights."""
    weights = run.weights_file(best=best)
    generator, recipe = load_generator(weights)
    kimg = kimg_of(weights)
    ends = [*((one, one.log()[-1]["kimg"]) for one in earlier), (run, kimg)]
    path = folder / f"{name}.safetensors"
    save_generator(generator, recipe, kimg, path, torch.float16)
    facts = {
        "name": name,
        "art": art,
        "licence": "CC0 1.0",
        "recipe": recipe.to_json(),
        "kimg": kimg,
        "minutes": round(sum(seconds_until(one, end) for one, end in ends) / 60, 1),
        "machine": f"{detect()}; {threads} thread{'s' if threads > 1 else ''} used",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commands": commands(ends, art),
        "quality": quality(path, art),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def bundle_discriminator(run: Run, name: str, art: str, folder: Path = WEIGHTS) -> Path:
    """Write the discriminator of the run `name` is from, or of one that started there; return its path."""
    checkpoint = read_checkpoint(run.checkpoint_file)
    path = make_folder(folder / "discriminators") / f"{name}.safetensors"
    save_file({key: tensor.half().contiguous() for key, tensor in checkpoint["discriminator"].items()}, path)
    kimg = checkpoint["counters"]["images"] / 1000
    facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    last = facts["commands"][-1]
    own = f" --run runs/{run.folder.name} " in last
    facts["discriminator"] = {
        "kimg": kimg,
        "command": last if own else command(run, art, kimg, name),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def seconds_until(run: Run, kimg: float) -> float:
    """How long a run took until it had seen so many thousand pictures."""
    return next(row["seconds"] for row in reversed(run.log()) if row["kimg"] <= kimg)


def commands(ends: Sequence[tuple[Run, float]], art: str) -> list[str]:
    """What to type to train runs that start from one another again, each until its kimg."""
    starts = ["", *(f"runs/{run.folder.name}" for run, _ in ends)]
    return [command(run, art, kimg, start) for (run, kimg), start in zip(ends, starts, strict=False)]


def quality(path: Path, art: str) -> dict[str, Any]:
    """What is measured of the weights in a file, and with what; KID is times 1,000."""
    generator, recipe = load_generator(path)
    found = measure_quality(generator, load_art(art, recipe.size))
    return {
        "measured_with": f"{found.extractor} at {found.side} px: {found.count} samples of {found.resolution} "
        f"px, seeds {found.seed} and up, next to {found.real} {found.real_are}",
        "kid": _by_size(found),
        "kid_real_against_real": _by_size(found.baseline),
        "recall_at_half_size": round(found.manifold.half.recall, 3),
        "neighbour_ratio": round(found.neighbour_ratio, 3),
    }


def _by_size(figures: Figures) -> dict[str, float]:
    return {size: round(kid.mean, 1) for size, kid in figures.kid._asdict().items()}


def command(run: Run, art: str, kimg: float, start: str = "") -> str:
    """What to type to train it again, from `start`: every field that differs from the defaults is named."""
    recipe = run.recipe()
    changed = recipe.differences(get_recipe(recipe.name))
    folder = f"runs/{run.folder.name}"
    words = ["python", "-m", "ganlib", "train", recipe.name, "--data", art, "--run", folder]
    words += [*(["--from", start] if start else []), "--kimg", repr(kimg)]
    if changed:
        words += ["--set", *(f"{name}={_as_typed(getattr(recipe, name))}" for name in changed)]
    return shlex.join(words)


def _as_typed(value: object) -> str:
    """A recipe's value as it is typed after --set."""
    if isinstance(value, tuple):
        listed = ",".join(str(part) for part in value)
        return listed if all(isinstance(part, str) for part in value) else f"[{listed}]"
    return str(value)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("name", help="what the weights are called")
    parser.add_argument("--art", default="portraits", help="what they were trained on")
    parser.add_argument("--earlier", type=Path, nargs="+", default=[], help="runs that it started from")
    parser.add_argument("--best", action="store_true", help="take best.safetensors, not the last generator")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads used")
    parser.add_argument("--discriminator", action="store_true", help="take D alone, for the weights there")
    options = parser.parse_args()
    if options.discriminator:
        print(bundle_discriminator(Run(options.run), options.name, options.art))
        return
    earlier = [Run(folder) for folder in options.earlier]
    run, threads = Run(options.run), options.threads
    print(bundle(run, options.name, options.art, threads, options.best, earlier=earlier))


if __name__ == "__main__":
    main()
