import copy
import math
import os
import shutil
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, load_latent
from ganlib.recipes import Recipe, get_recipe
from ganlib.run import Run
from ganlib.runtime.pickles import damage
from ganlib.training.callbacks import Callback
from ganlib.training.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint, trained_on
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator

pytestmark = pytest.mark.usefixtures("full_length")
OLD = Path(__file__).parents[1] / "old" / "version-0.1"


class Hear(Callback):
    def __init__(self):
        self.heard = []

    def on_warning(self, trainer, finding):
        self.heard.append(finding)


def open_run(recipe, art, folder, *callbacks):
    return Trainer(recipe, art, folder, device="cpu", callbacks=callbacks)


@pytest.fixture
def run(recipe, art, tmp_path):
    """A run that was saved twice, after 4 and after 7 steps."""
    trainer = open_run(recipe, art, tmp_path / "run")
    trainer.fit(kimg=0.05)
    trainer.fit(kimg=0.1)
    assert trainer.state.step == 8
    return trainer.run


def change(path, edit):
    """Change what a checkpoint holds, as somebody does who knows how it is built."""
    torch.save(edit({"schema": 5, **read_checkpoint(path)}), path)


def test_the_checkpoint_before_the_last_is_kept(run, recipe, art):
    assert damage(run.checkpoint_file) is None
    shutil.copy(run.previous_checkpoint_file, run.checkpoint_file)
    assert open_run(recipe, art, run.folder).state.step == 4


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_checkpoint_is_noticed_and_the_one_before_taken_with_a_warning(run, recipe, art, share):
    whole = run.checkpoint_file.read_bytes()
    run.checkpoint_file.write_bytes(whole[: int(share * len(whole))])
    hear = Hear()
    trainer = open_run(recipe, art, run.folder, hear)
    assert trainer.state.step == 4
    trainer.fit(kimg=1)
    assert [finding.name for finding in hear.heard] == ["damaged checkpoint"]
    assert "checkpoint.pt is cut short or damaged: the one before it was taken" in hear.heard[0].seen
    assert [warning["name"] for warning in run.log()[0]["warnings"]] == ["damaged checkpoint"]
    assert damage(run.checkpoint_file) is None
    fine = Hear()
    open_run(recipe, art, run.folder, fine).fit(kimg=2)
    assert fine.heard == []
    assert run.log()[1]["warnings"] == []


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_flipped_bit_in_the_numbers_is_noticed(run, place):
    content = bytearray(run.checkpoint_file.read_bytes())
    largest = content.index(b"data/0") + 200 + 37 * place
    content[largest] ^= 4
    run.checkpoint_file.write_bytes(content)
    assert "checksum" in damage(run.checkpoint_file)


def test_a_torn_checkpoint_never_replaces_the_good_one_before_it(run, recipe, art):
    before = run.previous_checkpoint_file.read_bytes()
    run.checkpoint_file.write_bytes(b"torn")
    trainer = open_run(recipe, art, run.folder)
    save_checkpoint(trainer.state, run)
    assert run.previous_checkpoint_file.read_bytes() == before
    assert damage(run.checkpoint_file) is None


def test_a_run_killed_between_the_two_renames_goes_on_from_the_one_before(run, recipe, art):
    run.checkpoint_file.unlink()
    hear = Hear()
    trainer = open_run(recipe, art, run.folder, hear)
    assert trainer.state.step == 4
    trainer.fit(kimg=0.1)
    assert "checkpoint.pt is missing" in hear.heard[0].seen


def test_where_both_are_damaged_a_sentence_names_them(run, recipe, art):
    for path in run.checkpoints:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        GanlibError, match=r"checkpoint\.pt is cut short .* checkpoint\.previous\.pt is cut short"
    ):
        open_run(recipe, art, run.folder)


class Payload:
    """What a hostile checkpoint holds: unpickled without care, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_that_would_run_code_is_refused(run, recipe, art, tmp_path):
    change(run.checkpoint_file, lambda values: {**values, "data": Payload(tmp_path / "harm")})
    with pytest.raises(GanlibError, match="could run code when it is opened"):
        open_run(recipe, art, run.folder)
    assert not (tmp_path / "harm").exists()


def test_a_checkpoint_of_another_data_set_is_refused(run, recipe, art):
    others = ImageDataset(255 - art.images, "others")
    with pytest.raises(GanlibError, match="other pictures"):
        open_run(recipe, others, run.folder)


def put(*path):
    """An edit that puts the last of `path` to where the others lead."""
    *keys, last, value = path

    def edit(values):
        part = values
        for key in keys:
            part = part[key]
        part[last] = value
        return values

    return edit


def leave_out(name):
    return lambda values: {key: value for key, value in values.items() if key != name}


def without_first(moments):
    return {n: {name: t for name, t in each.items() if name != "exp_avg"} for n, each in moments.items()}


MISFITS = {
    "a list": lambda values: [1, 2],
    "something else": lambda values: {"weights": torch.zeros(3)},
    "no random state": leave_out("random"),
    "no average": leave_out("ema"),
    "a weight of another shape": put("generator", "main.0.weight", torch.zeros(3, 3)),
    "a weight of another type": put("generator", "main.0.weight", torch.zeros(8, 16, 4, 4).double()),
    "a weight that is none": put("generator", "main.0.weight", 5),
    "a sparse weight": put("generator", "main.0.weight", torch.zeros(8, 16, 4, 4).to_sparse()),
    "a weight too many": put("discriminator", "main.99.weight", torch.zeros(3)),
    "moments of another shape": put("g_optimizer", 0, "exp_avg", torch.zeros(2)),
    "moments of a net with more weights": put("d_optimizer", 99, {}),
    "moments that are none": put("d_optimizer", []),
    "a negative step": put("counters", "step", -1),
    "a step that is a text": put("counters", "step", "3"),
    "endless seconds": put("counters", "seconds", float("inf")),
    "three sums": put("totals", torch.zeros(3)),
    "a torch state cut short": put("random", "cpu", torch.zeros(3, dtype=torch.uint8)),
    "a numpy state that points elsewhere": put("random", "numpy", ("MT19937", [0] * 624, 10**9, 0, 0.0)),
    "too many rollbacks": put("rollbacks", 4),
    "half a best": put("best", [1.0]),
    "a best that is NaN": put("best", [float("nan"), 1.0]),
    "warnings that are numbers": put("told", [1]),
    "half a warning": put("pending", [{"name": "x"}]),
    "an odd last look": put("last_look", "now"),
    "a schema of the future": put("schema", 6),
    "a schema that is none": put("schema", None),
}


@pytest.mark.parametrize("edit", MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_the_recipe_is_refused_and_nothing_of_it_used(run, recipe, art, edit):
    trainer = open_run(recipe, art, run.folder)
    before = {name: str(value) for name, value in trainer.state.state_dict().items()}
    change(run.checkpoint_file, edit)
    with pytest.raises(GanlibError):
        load_checkpoint(trainer.state, run)
    assert {name: str(value) for name, value in trainer.state.state_dict().items()} == before


def test_a_best_kid_below_zero_which_chance_may_bring_is_read(run, recipe, art):
    change(run.checkpoint_file, put("best", [-0.4, 0.1, "kid"]))
    assert open_run(recipe, art, run.folder).state.best == (-0.4, 0.1, "kid")


def test_a_checkpoint_of_a_newer_ganlib_says_what_to_do(run, recipe, art):
    change(run.checkpoint_file, put("schema", 99))
    with pytest.raises(GanlibError, match="continue with that version"):
        open_run(recipe, art, run.folder)


def test_first_moments_without_a_use_are_left_out_and_not_missed(recipe, art, tmp_path):
    forgetful = replace(recipe, betas=(0.0, 0.9))
    open_run(forgetful, art, tmp_path / "parts").fit(kimg=0.05)
    saved = read_checkpoint(tmp_path / "parts" / "checkpoint.pt")
    assert saved["g_optimizer"] == without_first(saved["g_optimizer"])
    parts = open_run(forgetful, art, tmp_path / "parts")
    whole = open_run(forgetful, art, tmp_path / "whole")
    for trainer in (parts, whole):
        trainer.fit(kimg=0.1)
    states = [trainer.state.generator.state_dict() for trainer in (parts, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("name", ["portraits64", "modern64"])
def test_the_largest_states_of_64_px_are_small_enough_for_a_drive(name, tmp_path):
    recipe = replace(get_recipe(name), batch_size=2)
    pictures = ImageDataset(np.zeros((20, 64, 64, 3), np.uint8), "dark")
    run = open_run(recipe, pictures, tmp_path / name).fit(kimg=0.004)
    assert 70e6 < run.checkpoint_file.stat().st_size < 100e6


def test_a_wider_net_s_checkpoint_is_refused(run, recipe, art):
    wide = open_run(replace(recipe, width=8), art, run.folder.parent / "wide")
    with pytest.raises(GanlibError, match=r"does not fit its recipe: its generator main\.0\.weight is torch"):
        load_checkpoint(wide.state, run)


def test_a_run_of_version_0_1_opens_and_says_why_it_cannot_go_on(art, tmp_path):
    """A net of width 1 with options that had other names then, after seven steps."""
    shutil.copytree(OLD, tmp_path / "run")
    run = Run(tmp_path / "run")
    recipe = run.recipe()
    assert (recipe.minibatch_stddev, recipe.hflip, recipe.augment_p) == (True, True, (0.0, 0.3))
    generator, _ = load_generator(run.folder)
    z = load_latent(run.folder / "z.json", generator)
    picture = torch.load(run.folder / "picture.pt", weights_only=True)
    assert torch.allclose(generate(generator, z[None]), picture, atol=1e-5)
    with pytest.raises(GanlibError, match=r"another version .*Generators of the run still open"):
        open_run(recipe, art, run.folder)


def test_a_checkpoint_made_on_a_gpu_opens_on_a_cpu(run, recipe, art, monkeypatch):
    """Tensors are marked with the device that they were on, and there is a random state of it."""
    trainer = open_run(recipe, art, run.folder)
    wanted = trainer.state.generator.main[0].weight.clone()
    streams = {**trainer.state.rng.state_dict(), "devices": {"cuda": torch.zeros(16).byte()}}
    monkeypatch.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
    monkeypatch.setattr(trainer.state.rng, "state_dict", lambda: streams)
    save_checkpoint(trainer.state, run)
    monkeypatch.undo()
    monkeypatch.delenv("GANLIB_TINY", raising=False)
    assert b"cuda:0" in run.checkpoint_file.read_bytes()
    again = open_run(recipe, art, run.folder)
    assert torch.equal(again.state.generator.main[0].weight, wanted)
    again.fit(kimg=0.15)
    assert again.state.step > 8


def test_no_tensor_of_the_file_is_copied_before_it_is_checked(run, recipe, art, monkeypatch):
    """A file that claims a large tensor costs no memory: it is refused from what it says of itself."""
    claimed = torch.zeros(1).expand(2**40)  # four tebibytes, if they were there
    change(run.checkpoint_file, put("totals", claimed))
    with pytest.raises(GanlibError, match="claim more memory than the file has bytes"):
        open_run(recipe, art, run.folder)


def with_list(path, pickled):
    """A checkpoint whose list of contents is another, and whose checksums fit."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")


EIGHT_GIB = b"\x8a\x05\x00\x00\x00\x00\x02\x85R."  # call what stands before it with 2**33
BOMBS = {
    "eight gibibytes of nothing": b"\x80\x02cbuiltins\nbytearray\n" + EIGHT_GIB,
    "a tensor as large": b"\x80\x02ctorch\nTensor\n" + EIGHT_GIB,
    "a set": b"\x80\x02cbuiltins\nset\n]\x85R.",
    "a name made on the way": b"\x80\x04\x8c\x02os\x94\x8c\x05mkdir\x94\x93\x94.",
}


@pytest.mark.parametrize("pickled", BOMBS.values(), ids=BOMBS)
def test_what_no_checkpoint_asks_for_is_refused_before_it_is_made(run, recipe, art, pickled):
    with_list(run.checkpoint_file, pickled)
    before = psutil.Process().memory_info().rss
    with pytest.raises(GanlibError, match="was refused: it holds more than numbers"):
        open_run(recipe, art, run.folder)
    assert psutil.Process().memory_info().rss - before < 200e6


def test_a_list_of_contents_without_end_is_refused_quickly(run, recipe, art):
    with_list(run.checkpoint_file, b"\x80\x02" + b"(" * 5_000_000)
    with pytest.raises(GanlibError, match="its list of contents is too long"):
        open_run(recipe, art, run.folder)


def test_a_value_that_is_a_bomb_when_it_is_written_out_is_refused(run, recipe, art):
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    for edit in (put("told", bomb), put("data", "fingerprint", bomb), put("schema", bomb)):
        change(run.previous_checkpoint_file, lambda values: values)
        with pytest.raises(GanlibError):
            change(run.checkpoint_file, edit)
            open_run(recipe, art, run.folder)
        shutil.copy(run.previous_checkpoint_file, run.checkpoint_file)


def test_parts_that_lie_one_over_the_other_are_noticed(run):
    """A hundred names for the same megabyte would be a hundred megabytes in memory."""
    content = bytearray()
    with zipfile.ZipFile(buffer := BytesIO(), "w") as archive:
        archive.writestr("archive/data/0", bytes(2**20))
        (entry,) = archive.infolist()
        for n in range(1, 100):
            twin = copy.copy(entry)
            twin.filename = twin.orig_filename = f"archive/data/{n}"
            archive.filelist.append(twin)
        archive._didModify = True
    run.checkpoint_file.write_bytes(content + buffer.getvalue())
    assert "one over the other" in damage(run.checkpoint_file)


def claims(values):
    """No more than a few bytes on the disk, and half a gibibyte in memory."""
    wide = torch.zeros(1).expand(2**27)
    values["random"]["devices"] = {"cuda": wide}
    return values


def overlapping(values):
    pool = torch.zeros(3000)
    return values | {"generator": {str(n): pool[n : n + 2000] for n in range(100)}}


@pytest.mark.parametrize("edit", [claims, overlapping])
def test_tensors_that_claim_more_than_the_file_holds_cost_nothing(run, recipe, art, edit):
    everything = {"schema": 5, **read_checkpoint(run.checkpoint_file)}
    for name in ("generator", "ema", "g_optimizer", "d_optimizer"):  # leave little that is honest
        everything[name] = {}
    torch.save(edit(everything), run.checkpoint_file)
    before = psutil.Process().memory_info().rss
    with pytest.raises(GanlibError, match="claim more memory"):
        open_run(recipe, art, run.folder)
    assert psutil.Process().memory_info().rss - before < 200e6


NUMBERS = {
    "a counter beyond all": put("counters", "images", 2**70),
    "a counter that is half": put("counters", "step", 3.5),
    "a counter that is true": put("counters", "shown", True),
    "seconds that are NaN": put("counters", "seconds", math.nan),
    "pictures that are a text": put("data", "pictures", "60"),
    "no fingerprint": put("data", "fingerprint", 7),
    "data that are a list": put("data", []),
    "data that are a tensor": put("data", torch.zeros(2)),
    "counters that are a tensor": put("counters", torch.zeros(0)),
    "an endless best": put("best", [math.inf, 1.0, "kid"]),
    "a gauss that is none": put("random", "python", (3, (0,) * 625, "x")),
    "a scaler that is NaN": put("scaler", {"scale": math.nan}),
    "a tensor without memory": put("totals", torch.zeros(4, device="meta")),
    "a sparse tensor": put("totals", torch.zeros(4).to_sparse()),
    **{
        f"weights in {kind}": lambda values, kind=kind: put(
            "generator", "main.0.weight", values["generator"]["main.0.weight"].to(kind)
        )(values)
        for kind in (torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.bool, torch.int32)
    },
}


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    recipe = Recipe("test", size=32, latent_dim=8, width=4, batch_size=16)
    pictures = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    trainer = open_run(recipe, ImageDataset(pictures, "noise"), tmp_path_factory.mktemp("numbers") / "run")
    trainer.fit(kimg=0.05)
    return trainer, trainer.run.checkpoint_file.read_bytes()


@pytest.mark.parametrize("edit", NUMBERS.values(), ids=NUMBERS)
def test_numbers_that_no_run_has_are_refused(one_run, edit, tmp_path):
    trainer, content = one_run
    run = Run(tmp_path)
    run.checkpoint_file.write_bytes(content)
    change(run.checkpoint_file, edit)
    with pytest.raises(GanlibError) as raised:
        load_checkpoint(trainer.state, run)
    assert "RuntimeError" not in str(raised.value)
    trained_on(run)


def test_weights_of_eight_bits_are_refused_by_name(one_run, tmp_path):
    trainer, content = one_run
    run = Run(tmp_path)
    for edit, name in (
        (f"weights in {kind}", str(kind)) for kind in (torch.float8_e4m3fn, torch.complex64, torch.bool)
    ):
        run.checkpoint_file.write_bytes(content)
        change(run.checkpoint_file, NUMBERS[edit])
        with pytest.raises(GanlibError, match=name.removeprefix("torch.")):
            load_checkpoint(trainer.state, run)


@pytest.mark.parametrize("data", [[], 5, {}, {"pictures": "x", "fingerprint": []}, "x", None, torch.zeros(2)])
def test_what_it_was_trained_on_is_told_only_if_it_has_the_right_shape(one_run, data, tmp_path):
    _, content = one_run
    run = Run(tmp_path)
    run.checkpoint_file.write_bytes(content)
    assert trained_on(run)["pictures"] > 0
    change(run.checkpoint_file, put("data", data))
    assert trained_on(run) is None
