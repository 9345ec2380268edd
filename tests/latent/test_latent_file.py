import json
import math
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.latent.sampling import (
    LARGEST_LATENT,
    fingerprint,
    latent_from_json,
    load_latent,
    sample_latent,
    save_latent,
)
from ganlib.nets.base import Generator


@pytest.fixture
def generator(recipe):
    return recipe.generator()


def written(generator, recipe, **changes):
    """What is in a file, with some of it changed; None takes a field away."""
    with TemporaryDirectory() as folder:
        path = save_latent(sample_latent(1, 8)[0], generator, recipe, Path(folder, "z.json"))
        values = json.loads(path.read_text()) | changes
    return json.dumps({name: value for name, value in values.items() if value is not None})


def test_a_latent_comes_back_to_the_bit(generator, recipe, tmp_path):
    z = sample_latent(1, 8)[0]
    z[:4] = torch.tensor([-0.0, 1e-42, 0.1, -3.4e38])
    path = save_latent(z, generator, recipe, tmp_path / "new" / "z.json")
    again = load_latent(path, generator)
    assert torch.equal(again.view(torch.int32), z.view(torch.int32))
    facts = json.loads(path.read_text())
    assert (facts["schema"], facts["recipe"]) == (1, "test")
    assert facts["model"] == fingerprint(generator)
    assert path.stat().st_size < 1000


def test_it_may_come_as_bytes_and_with_further_fields(generator, recipe):
    text = written(generator, recipe, name="Ada")
    assert torch.equal(latent_from_json(text.encode(), generator), latent_from_json(text, generator))


def test_a_fingerprint_is_that_of_what_is_painted(generator, recipe):
    one = fingerprint(generator)
    assert len(one) == 64
    generator(torch.randn(4, 8))  # BatchNorm's averages move
    other = fingerprint(generator)
    assert one != other
    generator.main[1].num_batches_tracked += 1
    assert fingerprint(generator.to(memory_format=torch.channels_last)) == other
    assert fingerprint(generator.eval()) == other
    with torch.no_grad():
        generator.main[-2].weight[0, 0, 0, 0] += 1e-3
    assert fingerprint(generator) != other


def test_a_fingerprint_knows_the_same_numbers_in_another_shape():
    flat, tall = (nn.Linear(*shape, bias=False) for shape in ((2, 3), (3, 2)))
    nn.init.zeros_(flat.weight)
    nn.init.zeros_(tall.weight)
    assert fingerprint(Generator(2, nn.Sequential(flat))) != fingerprint(Generator(3, nn.Sequential(tall)))


@pytest.mark.parametrize(
    ("z", "message"), [(torch.zeros(7), r"not \(1, 7\)"), (torch.full((8,), math.nan), "NaN")]
)
def test_what_is_no_latent_is_not_saved(z, message, generator, recipe, tmp_path):
    with pytest.raises(GanlibError, match=message):
        save_latent(z, generator, recipe, tmp_path / "z.json")
    assert list(tmp_path.glob("*.json")) == []


def test_a_file_of_other_weights_is_refused(generator, recipe):
    text = written(generator, recipe)
    with pytest.raises(GanlibError, match="belongs to other weights"):
        latent_from_json(text, recipe.generator())
    with pytest.raises(GanlibError, match="belongs to other weights"):
        latent_from_json(text, replace(recipe, latent_dim=16).generator())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "is damaged, or no z"),
        ({"schema": None}, "is damaged"),
        ({"model": None}, "is damaged"),
        *(
            ({"z": z}, "is damaged")
            for z in (
                None,
                "01234567",
                [[0.0] * 8],
                [True] * 8,
                ["0.1"] * 8,
                [0.0] * 7,
                [],
                [math.nan] + [0.0] * 7,
                [math.inf] + [0.0] * 7,
                [1e39] + [0.0] * 7,
                [10**400] + [0] * 7,
            )
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(changes, message, generator, recipe):
    with pytest.raises(GanlibError, match=message) as raised:
        latent_from_json(written(generator, recipe, **changes), generator, "'mine.json'")
    assert str(raised.value).startswith("'mine.json' ")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\xff", b"[" * 100_000, b"3", b"null", b"[1, 2]", b'{"a": 1}']
)
def test_a_damaged_file_is_a_sentence(content, generator, tmp_path):
    path = tmp_path / "z.json"
    path.write_bytes(content)
    with pytest.raises(GanlibError, match=r"z\.json' is (damaged|no z)"):
        load_latent(path, generator)


def test_a_file_that_cannot_be_read_is_a_sentence(generator, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large.json").write_bytes(bytes(LARGEST_LATENT + 1))
    for name in ("", "nowhere.json", "pipe", "large.json", "a\0b", "x" * 5000):
        with pytest.raises(GanlibError, match=r"cannot be read|is no file but|is too large"):
            load_latent(tmp_path / name, generator)
