"""Two thousand files that were changed by chance: each is read, or refused with a sentence."""

import json
import math
import struct
import zipfile
from io import BytesIO

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.training.checkpoint import load_checkpoint, read_checkpoint
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, about what the changes lead it to
fuzz = settings(
    max_examples=400,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
PLAIN = [
    None,
    True,
    -1,
    0,
    2**70,
    -(2**70),
    math.nan,
    math.inf,
    "x",
    "",
    [],
    {},
    (),
    b"x",
    [1],
    {"a": 1},
    {0: 1},
]
TENSORS = [torch.zeros(0), torch.zeros(2), torch.zeros(1).expand(2**40), torch.zeros(2, 2).to_sparse()]
ODD = st.sampled_from([*PLAIN, *TENSORS])
SHARES = st.floats(0, 1, exclude_max=True)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "put", "cut", "end", "zero"]), SHARES, st.binary(min_size=1, max_size=9)
    ),
    min_size=1,
    max_size=6,
)


def edited(content, edits):
    """`content` with bytes changed, put in, cut out, cut off or emptied, at a share of its length."""
    content = bytearray(content)
    for kind, share, given_bytes in edits:
        place = int(share * len(content))
        if kind == "put":
            content[place:place] = given_bytes
        elif kind == "end":
            del content[place:]
        elif kind == "cut":
            del content[place : place + len(given_bytes)]
        else:
            span = slice(place, place + len(given_bytes))
            content[span] = bytes(len(content[span])) if kind == "zero" else given_bytes[: len(content[span])]
    return bytes(content)


@pytest.fixture(scope="module")
def art():
    bright = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(60, 32, 32, 3)
    return ImageDataset(bright.contiguous().numpy(), "steps")


@pytest.fixture(scope="module")
def trained(art, tmp_path_factory):
    """A run after four steps, and a trainer to open its checkpoints with."""
    recipe = Recipe("test", size=32, latent_dim=4, width=1, batch_size=16)
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=[])
    trainer.fit(kimg=0.06)
    for row in range(3):
        trainer.run.append_log({"step": row + 1, "kimg": row, "seconds": row, "d_loss": 0.5, "warnings": []})
    return trainer


@pytest.fixture
def only_refused(trained, tmp_path):
    """Open a checkpoint, which must be read or refused, whatever is in it; returns whether it was read."""
    run = Run(tmp_path / "run")
    run.folder.mkdir()

    def is_read(content):
        run.checkpoint_file.write_bytes(content)
        try:
            load_checkpoint(trained.state, run)
        except GanlibError as error:
            assert len(str(error)) < 2000
            return False
        return True

    return is_read


@fuzz
@given(edits=EDITS)
def test_a_checkpoint_changed_anywhere(trained, only_refused, edits):
    only_refused(edited(trained.run.checkpoint_file.read_bytes(), edits))


@fuzz
@given(flips=st.lists(st.tuples(SHARES, st.integers(0, 255)), min_size=1, max_size=4))
def test_a_checkpoint_whose_inner_list_was_changed_and_whose_checksum_fits(trained, only_refused, flips):
    content = bytearray(trained.run.checkpoint_file.read_bytes())
    with zipfile.ZipFile(BytesIO(content)) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        inner = bytearray(archive.read(entry))
    begin = content.index(inner)
    for share, value in flips:
        inner[int(share * len(inner))] = value
    content[begin : begin + len(inner)] = inner
    old, new = struct.pack("<L", entry.CRC), struct.pack("<L", zipfile.crc32(inner))
    only_refused(bytes(content).replace(old, new))


@fuzz
@given(path=st.lists(SHARES, min_size=1, max_size=4), value=ODD)
def test_a_checkpoint_in_which_one_value_is_another(trained, only_refused, path, value):
    values = {"schema": 5, **read_checkpoint(trained.run.checkpoint_file)}
    part = values
    for share in path:
        keys = list(part) if isinstance(part, dict) else range(len(part))
        key = keys[int(share * len(keys))]
        if not isinstance(part[key], dict | list) or not part[key]:
            break
        part, inner = part[key], part
    else:
        part = inner
    part[key] = value
    buffer = BytesIO()
    torch.save(values, buffer)
    only_refused(buffer.getvalue())


@fuzz
@given(edits=EDITS)
def test_a_generator_changed_anywhere(trained, tmp_path, edits):
    path = tmp_path / "changed.safetensors"
    path.write_bytes(edited(trained.run.generator_file.read_bytes(), edits))
    try:
        load_generator(path)
    except GanlibError as error:
        assert len(str(error)) < 2000


@fuzz
@given(edits=EDITS, name=st.sampled_from(["recipe.json", "log.jsonl"]))
def test_a_recipe_or_a_log_changed_anywhere(trained, tmp_path, edits, name):
    run = Run(tmp_path / "run")
    run.folder.mkdir(exist_ok=True)
    (run.folder / name).write_bytes(edited((trained.run.folder / name).read_bytes(), edits))
    for read in (run.recipe, run.log, lambda: run.forget_after(2)):
        try:
            read()
        except GanlibError as error:
            assert len(str(error)) < 2000


def test_what_was_not_changed_is_read(trained, only_refused):
    """Else the tests above would pass though nothing can be read."""
    assert only_refused(trained.run.checkpoint_file.read_bytes())
    values = {"schema": 5, **read_checkpoint(trained.run.checkpoint_file)}
    buffer = BytesIO()
    torch.save(values, buffer)
    assert only_refused(buffer.getvalue())
    load_generator(trained.run.generator_file)
    assert json.loads(trained.run.recipe_file.read_text()) and len(trained.run.log()) == 3
