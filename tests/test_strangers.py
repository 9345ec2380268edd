"""Files of strangers, changed in two hundred ways each: they are read, or refused with a sentence."""

import json
import math
import random
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch

from ganlib.cli import main
from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.hub.card import card, facts_of
from ganlib.hub.hub import share
from ganlib.latent.sampling import load_latent, sample_latent, save_latent
from ganlib.recipes import Recipe, get_recipe
from ganlib.run import Run
from ganlib.show.curves import curves
from ganlib.training.checkpoint import load_checkpoint, read_checkpoint, trained_on
from ganlib.training.diagnostics import diagnose
from ganlib.training.trainer import Trainer
from ganlib.weights import kimg_of, load, load_generator

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's and matplotlib's, about what they are led to
OLD = Path(__file__).parent / "old" / "version-0.1"
TIMES = 200
DEEP, LONG = "DEEP", "LONG"
ODD = [None, True, -1, 0, 0.5, 2**53, 2**70, 1e308, -1e308, 10**400, math.nan, math.inf, "x", "", "9", [], {}]
ODD += [[1], [[]], {"a": 1}, DEEP, LONG, "\ud800", "a\n# b <script>|`$\x1b[31m", [0.5, 0.5], [1e308, -1]]


@pytest.fixture(scope="module")
def art():
    bright = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(60, 32, 32, 3)
    return ImageDataset(bright.contiguous().numpy(), "steps")


@pytest.fixture(scope="module")
def trainer(art, tmp_path_factory):
    """A run with everything that is ever written into one."""
    recipe = Recipe("test", size=32, latent_dim=4, width=1, batch_size=16)
    trainer = Trainer(recipe, art, tmp_path_factory.mktemp("strangers") / "run", device="cpu", callbacks=[])
    run = trainer.fit(kimg=0.06)
    told = [{"name": "oscillation", "seen": "D and G take turns winning.", "advice": "Wait."}]
    losses = {"d_loss": 1.5, "g_loss": 0.5, "real_probability": 0.6, "fake_probability": None, "score": 0.25}
    for step in (1, 2, 3, 4):
        run.append_log({"step": step, "kimg": step / 100, "seconds": 3.5, **losses, "warnings": told})
    shutil.copy(OLD / "quality.json", run.folder / "quality.json")
    save_latent(sample_latent(1, 4)[0], trainer.state.ema.generator, recipe, run.folder / "z.json")
    share(run)
    return trainer


@pytest.fixture
def run(trainer, tmp_path):
    return Run(shutil.copytree(trainer.run.folder, tmp_path / "run"))


def changed_bytes(content: bytes, luck: random.Random) -> bytes:
    """The content with a few bits flipped, or something cut out, cut off or put in."""
    place = luck.randrange(len(content))
    match luck.randrange(4):
        case 0:
            flipped = bytearray(content)
            for _ in range(luck.randint(1, 8)):
                flipped[luck.randrange(len(content))] ^= 1 << luck.randrange(8)
            return bytes(flipped)
        case 1:
            return content[:place]
        case 2:
            return content[:place] + content[place + luck.randint(1, 99) :]
        case _:
            return (
                content[:place]
                + luck.choice([b"\0", b"[" * 9999, b"\xff", b"}", b"9" * 400])
                + content[place:]
            )


def put_somewhere(value: object, odd: list, luck: random.Random) -> None:
    """Put something odd in the place of a part of `value`, or take that part out."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = luck.choice(keys)
        if not isinstance(value[key], dict | list) or not value[key] or luck.random() < 0.2:
            break
        value = value[key]
    if isinstance(value, dict) and luck.random() < 0.1:
        del value[key]
    else:
        value[key] = luck.choice(odd)


def changed_json(content: bytes, luck: random.Random) -> bytes:
    values = json.loads(content)
    put_somewhere(values, ODD, luck)
    text = json.dumps(values).replace(f'"{DEEP}"', "[" * 50_000 + "]" * 50_000)
    return text.replace(LONG, "long " * 20_000).encode()


def changed_rows(content: bytes, luck: random.Random) -> bytes:
    lines = content.splitlines()
    place = luck.randrange(len(lines))
    lines[place] = changed_json(lines[place], luck)
    return b"\n".join(lines) + b"\n"


def changed_head(content: bytes, luck: random.Random) -> bytes:
    """Weights under another head, also where the recipe in it is JSON of its own."""
    begin = 8 + int.from_bytes(content[:8], "little")
    head = json.loads(content[8:begin])
    recipe = head.get("__metadata__", {}).get("recipe")
    if recipe and luck.random() < 0.5:
        head["__metadata__"]["recipe"] = changed_json(recipe.encode(), luck).decode()
        text = json.dumps(head).encode()
    else:
        text = changed_json(content[8:begin], luck)
    return len(text).to_bytes(8, "little") + text + content[begin:]


def odd_tensors(tensor: torch.Tensor, luck: random.Random) -> torch.Tensor:
    floats = tensor.float()
    kinds: list[Callable[[], torch.Tensor]] = [
        lambda: torch.full_like(floats, math.nan),
        lambda: torch.full_like(floats, math.inf),
        lambda: -floats.abs() - 1,
        lambda: torch.full_like(floats, 1e30),
        lambda: floats.to(luck.choice([torch.float8_e4m3fn, torch.complex64, torch.bool, torch.int32])),
        lambda: torch.zeros(1).expand(tensor.shape or (2,)),
        lambda: torch.zeros(1).expand(2**40),
        lambda: torch.arange(9.0).as_strided((5, 5), (1, 1)),
        lambda: floats.to("meta"),
        lambda: torch.zeros(2, 2).to_sparse(),
        lambda: torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.quint8),
        lambda: floats.clone().requires_grad_(),
        lambda: floats[None],
    ]
    return luck.choice(kinds)()


def changed_state(content: bytes, luck: random.Random) -> bytes:
    """A checkpoint whose checksums fit, with something odd in it."""
    values = torch.load(BytesIO(content), weights_only=True)
    tensor = luck.choice([*values["generator"].values(), *values["g_optimizer"][0].values()])
    odd = [odd_tensors(tensor, luck)] if luck.random() < 0.6 else ODD
    nets = ["generator", "discriminator", "ema", "g_optimizer", "d_optimizer", "totals"]
    put_somewhere({name: values[name] for name in nets} if odd is not ODD else values, odd, luck)
    buffer = BytesIO()
    torch.save(values, buffer)
    return buffer.getvalue()


def is_read(read: Callable[[], object]) -> bool:
    """Read, or be refused in one sentence, and nothing else."""
    try:
        read()
    except GanlibError as error:
        assert 10 < len(str(error)) <= 4000 and str(error).isprintable()
        return False
    return True


def changes(path: Path, *kinds: Callable[[bytes, random.Random], bytes]):
    """Change the file again and again, from the same beginning, and yield each time."""
    content = path.read_bytes()
    for seed in range(TIMES):
        luck = random.Random(seed)
        path.write_bytes(kinds[seed % len(kinds)](content, luck))
        yield seed
    path.write_bytes(content)


@pytest.fixture
def say(capsys):
    """Run a verb: it does what it is told, or says in one line why not."""

    def say(*words: object) -> None:
        status = main([str(word) for word in words])
        told = capsys.readouterr()
        assert status in {0, 2}
        assert "Traceback" not in told.err
        if status:
            last = told.err.splitlines()[-1]
            assert last.startswith("ganlib: ") and last.isprintable()
        assert all(line.isprintable() for line in told.out.splitlines())

    return say


def test_recipes(run, say):
    for seed in changes(run.recipe_file, changed_bytes, changed_json, changed_json):
        is_read(run.recipe)
        is_read(lambda: get_recipe(run.recipe_file))
        is_read(lambda: facts_of(run, "x", None, None, best=False))
        if seed % 4 == 0:
            say("runs", run.folder)
            say("recipes", "show", run.recipe_file)


def test_logs(run, say):
    for seed in changes(run.log_file, changed_bytes, changed_rows, changed_rows):
        if is_read(run.log):
            diagnose(run.log())
            card(facts_of(run, "x", None, None, best=False), "x", 1)
            if seed % 10 == 1:
                is_read(lambda: curves(run))
        is_read(lambda: run.forget_after(2))
        if seed % 4 == 0:
            say("runs", run.folder)


def test_checkpoints(run, trainer, art):
    run.previous_checkpoint_file.unlink(missing_ok=True)
    run.log_file.unlink()
    went_on = 0
    for _ in changes(run.checkpoint_file, changed_bytes, changed_state, changed_state, changed_state):
        trained_on(run)
        if is_read(lambda: load_checkpoint(trainer.state, run)) and went_on < 20:
            went_on += 1
            twin = Run(shutil.copytree(run.folder, run.folder.parent / f"{went_on}"))
            is_read(
                lambda folder=twin.folder: Trainer(
                    trainer.recipe, art, folder, device="cpu", callbacks=[]
                ).fit(kimg=0.1)
            )
    assert went_on


def test_weights(run, say, tmp_path):
    for seed in changes(run.generator_file, changed_bytes, changed_head):
        is_read(lambda: load_generator(run.folder))
        is_read(lambda: kimg_of(run.generator_file))
        if seed % 8 == 0:
            say("sample", run.folder, "--count", 1, "--out", tmp_path / "picture.png")


def test_latents(run, trainer, say):
    for seed in changes(run.folder / "z.json", changed_bytes, changed_json):
        is_read(lambda: load_latent(run.folder / "z.json", trainer.state.ema.generator))
        if seed % 20 == 0:
            say("interpolate", run.folder, 1, run.folder / "z.json", "--seconds", 0.1, "--frames", 2)


def test_shared_folders(run):
    folder = run.folder / "share"
    for _ in changes(folder / "config.json", changed_bytes, changed_json):
        is_read(lambda: load(folder))
    for _ in changes(folder / "model.safetensors", changed_bytes, changed_head):
        is_read(lambda: load(folder))


def test_figures(run):
    for _ in changes(run.folder / "quality.json", changed_bytes, changed_json, changed_json):
        is_read(lambda: card(facts_of(run, "x", None, None, best=False), "x", 1))


def test_what_was_not_changed_is_read(run, trainer):
    """Else the tests above would pass though nothing can be read."""
    assert run.recipe() == trainer.recipe
    assert len(run.log()) == 4
    assert trained_on(run)["pictures"] == len(trainer.state.batches)
    assert read_checkpoint(run.checkpoint_file)["counters"]["step"] == trainer.state.step
    load_latent(run.folder / "z.json", load(run.folder / "share")[0])
    assert "KID at half size" in card(facts_of(run, "x", None, None, best=False), "x", 1)
