"""A run is not lost to its pictures: it goes on with others when told so."""

import numpy as np
import pytest
import torch
from PIL import Image

import ganlib
from ganlib.cli import main
from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.training.checkpoint import read_checkpoint
from ganlib.training.trainer import Trainer
from tests.training.test_trainer import train

pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture
def others(art):
    """The pictures of `art` but for one changed, the last two, and one added before them."""
    images = np.concatenate([art.images[:-2], 255 - art.images[:1]])
    images[3] = 255 - images[3]
    return ImageDataset(images, "others")


def again(run, recipe, data, **settings):
    return Trainer(recipe, data, run.folder, device="cpu", callbacks=[], **settings)


def test_other_pictures_are_told_and_the_way_out(recipe, art, others, tmp_path):
    run = train(recipe, art, tmp_path / "run", kimg=0.1).run
    before = run.checkpoint_file.read_bytes()
    with pytest.raises(GanlibError, match=r"\(1 removed, 2 changed\).*--data-changed.*data_changed=True"):
        again(run, recipe, others)
    assert run.checkpoint_file.read_bytes() == before


def test_it_goes_on_from_the_same_weights_with_a_new_epoch(recipe, art, others, tmp_path):
    first = train(recipe, art, tmp_path / "run", kimg=0.1)
    second = again(first.run, recipe, others, data_changed=True)
    state, before = second.state, first.state
    assert (state.step, state.images) == (before.step, before.images)
    assert (state.batches.epoch, state.batches.position) == (before.batches.epoch + 1, 0)
    for name, net in state.nets().items():
        old = before.nets()[name].state_dict()
        assert all(torch.equal(tensor, old[key]) for key, tensor in net.state_dict().items())
    second.fit(kimg=1.1)
    assert [warning["name"] for row in second.run.log() for warning in row["warnings"]] == [
        "pictures changed"
    ]
    again(second.run, recipe, others).fit(kimg=1.2)  # from now on these are the run's


def test_the_change_is_settled_before_the_first_step(recipe, art, others, tmp_path):
    run = train(recipe, art, tmp_path / "run", kimg=0.1).run
    trainer = again(run, recipe, others, data_changed=True)
    trainer._begin()
    saved = read_checkpoint(run.checkpoint_file)
    assert saved["data"]["fingerprint"] == others.content_hash
    assert [diagnostic["name"] for diagnostic in saved["pending"]] == ["pictures changed"]


def test_the_card_tells_of_it(recipe, art, others, tmp_path):
    run = train(recipe, art, tmp_path / "run", kimg=0.1).run
    again(run, recipe, others, data_changed=True).fit(kimg=1.1)
    assert "no longer the same: 1 removed, 2 changed" in (ganlib.share(run) / "README.md").read_text()


def test_equal_pictures_need_no_flag_and_change_nothing(recipe, art, tmp_path):
    run = train(recipe, art, tmp_path / "run", kimg=0.1).run
    trainer = again(run, recipe, art, data_changed=True)
    assert trainer.state.batches.position > 0
    trainer.fit(kimg=1.1)
    assert not any(row["warnings"] for row in run.log())


def test_a_file_added_removed_and_changed_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, picture in enumerate(noise[:38]):
        Image.fromarray(picture).save(folder / f"{n}.png")
    fields = ["size=32", "width=4", "batch_size=8"]
    words = ["train", "portraits64-cpu", "--data", "pictures", "--run", "run", "--kimg", "0.1"]
    words += ["--set", *fields]
    assert main(words) == 0
    Image.fromarray(noise[38]).save(folder / "new.png")
    Image.fromarray(noise[39]).save(folder / "7.png")
    for n in (3, 30):
        (folder / f"{n}.png").unlink()
    capsys.readouterr()
    assert main(words) == 2
    assert "(1 added, 2 removed, 1 changed): name the same ones, or continue" in capsys.readouterr().err
    assert main([*words, "--data-changed"]) == 0
    assert "pictures changed: The training pictures are no longer the same" in capsys.readouterr().out
