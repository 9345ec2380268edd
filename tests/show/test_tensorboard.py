import sys
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from ganlib.errors import GanlibError
from ganlib.show.tensorboard import TensorBoard
from ganlib.training.callbacks import Callback
from ganlib.training.checkpoint import save_checkpoint
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture(autouse=True)
def _files_in_their_order(monkeypatch):
    """Files of the same second are read in the order of a counter, which must not grow from 9 to 10."""
    counter = SimpleNamespace(get=map("{:06d}".format, count()).__next__)
    monkeypatch.setattr(event_file_writer, "_global_uid", counter)


def train(recipe, art, folder, kimg, *callbacks):
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=callbacks)
    trainer.fit(kimg=kimg)
    return trainer


def events(run):
    everything = {"scalars": 0, "images": 0, "tensors": 0}  # 0 is: keep all of them
    return EventAccumulator(str(run.folder / "tensorboard"), everything).Reload()


def places(found):
    return [event.step for event in found]


class Die(Callback):
    """End the process's work at a step, nothing saved after another."""

    def __init__(self, saved, dead):
        self.saved, self.dead = saved, dead

    def on_step(self, trainer):
        if trainer.state.step == self.saved:
            save_checkpoint(trainer.state, trainer.run)
        if trainer.state.step == self.dead:
            raise ZeroDivisionError


def test_every_number_and_every_grid_is_written(recipe, art, tmp_path):
    run = train(recipe, art, tmp_path / "run", 3, TensorBoard()).run
    found, rows = events(run), run.log()
    assert len(rows) == 3
    for name in ("d_loss", "g_loss", "real_probability", "fake_probability", "images_per_second"):
        written = found.Scalars(name)
        assert places(written) == [round(1000 * row["kimg"]) for row in rows]
        assert np.allclose([event.value for event in written], [row[name] for row in rows], rtol=1e-5)
    assert not {"kimg", "step"} & set(found.Tags()["scalars"])
    grids = found.Images("samples")
    assert places(grids) == [0, *(round(1000 * row["kimg"]) for row in rows)]
    assert (grids[-1].width, grids[-1].height) == Image.open(run.samples()[-1]).size


def test_a_run_that_was_killed_and_goes_on_leaves_no_doubles(recipe, art, tmp_path):
    whole = events(train(recipe, art, tmp_path / "whole", 4, TensorBoard()).run)
    with pytest.raises(ZeroDivisionError):
        train(recipe, art, tmp_path / "killed", 4, TensorBoard(), Die(saved=100, dead=220))
    killed = events(train(recipe, art, tmp_path / "killed", 4, TensorBoard()).run)
    assert places(killed.Scalars("d_loss")) == places(whole.Scalars("d_loss"))
    assert places(killed.Images("samples")) == places(whole.Images("samples"))
    values = [[event.value for event in found.Scalars("d_loss")] for found in (killed, whole)]
    assert values[0] == values[1]


def test_a_run_that_was_killed_at_once_begins_again(recipe, art, tmp_path):
    with pytest.raises(ZeroDivisionError):
        train(recipe, art, tmp_path / "run", 2, TensorBoard(), Die(saved=None, dead=100))
    run = train(recipe, art, tmp_path / "run", 2, TensorBoard()).run
    assert places(events(run).Scalars("d_loss")) == [round(1000 * row["kimg"]) for row in run.log()]
    assert places(events(run).Images("samples"))[0] == 0
    assert len(set(places(events(run).Images("samples")))) == len(events(run).Images("samples"))


def test_a_run_that_is_called_again_and_has_nothing_to_do_leaves_no_doubles(recipe, art, tmp_path):
    for _ in range(2):
        run = train(recipe, art, tmp_path / "run", 1.1, TensorBoard()).run
    grids = places(events(run).Images("samples"))
    assert len(set(grids)) == len(grids) == 3


def test_a_run_that_began_without_events_brings_its_log_along(recipe, art, tmp_path):
    train(recipe, art, tmp_path / "run", 2)
    run = train(recipe, art, tmp_path / "run", 3, TensorBoard()).run
    assert places(events(run).Scalars("g_loss")) == [round(1000 * row["kimg"]) for row in run.log()]


def row(step, **columns):
    return {
        "step": step,
        "kimg": step / 1000,
        "seconds": 1.0,
        "d_loss": float(step),
        "score": None,
        **columns,
    }


def opened(recipe, art, folder):
    """A trainer whose run folder is there, and events that were begun for it."""
    trainer = train(recipe, art, folder, 0.01)
    board = TensorBoard()
    board.on_start(trainer)
    return trainer, board


def test_a_run_that_goes_back_withdraws_what_it_repeats(recipe, art, tmp_path):
    trainer, board = opened(recipe, art, tmp_path / "run")
    for step in (1000, 2000, 3000):
        board.on_log(trainer, row(step))
    for step in (2000, 3000, 4000):
        board.on_log(trainer, row(step, d_loss=0.5))
    board.on_end(trainer)
    found = events(trainer.run).Scalars("d_loss")
    assert [(event.step, event.value) for event in found] == [
        (1000, 1000.0),
        (2000, 0.5),
        (3000, 0.5),
        (4000, 0.5),
    ]


def test_warnings_are_text_and_what_was_not_measured_is_left_out(recipe, art, tmp_path):
    trainer, board = opened(recipe, art, tmp_path / "run")
    told = {"name": "oscillation", "seen": "It swings.", "advice": "Lower g_lr."}
    board.on_log(trainer, row(1000, warnings=[told]))
    board.on_log(trainer, row(2000, warnings=[]))
    board.on_end(trainer)
    found = events(trainer.run)
    (text,) = found.Tensors("warnings/text_summary")
    assert text.step == 1000
    assert text.tensor_proto.string_val[0].decode() == "**oscillation**: It swings. Lower g_lr."
    assert "score" not in found.Tags()["scalars"]


def test_where_g_plays_epochs_alone_events_stand_over_steps(recipe, art, tmp_path):
    recipe = replace(recipe, steps_in="epochs")
    run = train(recipe, art, tmp_path / "run", 1.0, TensorBoard()).run
    assert places(events(run).Scalars("g_loss")) == [row["step"] for row in run.log() if row["g_loss"]]


def test_the_missing_package_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(GanlibError, match="type: pip install tensorboard"):
        TensorBoard()


def test_a_file_in_the_place_of_the_folder_is_a_sentence(recipe, art, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("mine")
    with pytest.raises(GanlibError, match="tensorboard"):
        train(recipe, art, tmp_path / "run", 1, TensorBoard())
    assert (tmp_path / "run" / "tensorboard").read_text() == "mine"
