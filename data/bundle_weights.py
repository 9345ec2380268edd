"""Put a trained generator into `data/weights`, in half precision, with a JSON of how it was trained.

`python data/bundle_weights.py runs/night portraits` writes `portraits.safetensors` and `portraits.json`.
"""

import argparse
import hashlib
import json
import platform
from pathlib import Path

import torch

from ganlib.machine import detect
from ganlib.recipes import get_recipe
from ganlib.run import Run, load_generator, save_generator

WEIGHTS = Path(__file__).parent / "weights"


def bundle(run: Run, name: str, art: str, threads: int) -> Path:
    """Write the generator of `run` as `name`, and return the path of its weights."""
    generator, recipe = load_generator(run.folder)
    last = run.log()[-1]
    path = WEIGHTS / f"{name}.safetensors"
    save_generator(generator, recipe, last["kimg"], path, torch.float16)
    facts = {
        "name": name,
        "art": art,
        "licence": "CC0 1.0",
        "recipe": recipe.to_json(),
        "kimg": round(last["kimg"], 1),
        "epochs": round(last["epoch"], 1),
        "minutes": round(last["seconds"] / 60, 1),
        "machine": f"{detect()}; {threads} thread{'s' if threads > 1 else ''} used",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "command": command(run, art, last["kimg"]),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def command(run: Run, art: str, kimg: float) -> str:
    """What to type to train it again: every field that differs from the defaults is named."""
    recipe = run.recipe()
    changed = recipe.differences(get_recipe(recipe.name))
    settings = [f"{name}={getattr(recipe, name)!r}".replace(" ", "") for name in changed]
    override = f" --set {' '.join(settings)}" if settings else ""
    return f"python -m ganlib train {recipe.name} --data {art} --run runs/{art} --kimg {kimg:.0f}{override}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("name", help="what the weights are called")
    parser.add_argument("--art", default="portraits", help="what they were trained on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads used")
    options = parser.parse_args()
    print(bundle(Run(options.run), options.name, options.art, options.threads))


if __name__ == "__main__":
    main()
