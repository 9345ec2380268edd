import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganlib.errors import GanlibError
from ganlib.run import Run, load_generator, save_generator


def row(step, **changes):
    return {"step": step, "kimg": step / 10, "seconds": 1.0} | changes


@pytest.fixture
def run(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    return run


def test_a_generator_comes_back_as_it_went(run, recipe):
    generator = recipe.generator()
    run.save_generator(generator, kimg=1.5)
    loaded, same_recipe = load_generator(run.folder)
    assert same_recipe == recipe
    assert not loaded.training
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_the_weights_file_needs_no_other(run, recipe, tmp_path):
    run.save_generator(recipe.generator(), kimg=1.5)
    alone = run.generator_file.rename(tmp_path / "alone.safetensors")
    assert load_generator(alone)[1] == recipe
    with safe_open(alone, framework="pt") as file:
        assert file.metadata()["kimg"] == "1.500"


def test_half_precision_on_disk_is_fp32_in_memory(recipe, tmp_path):
    generator = recipe.generator()
    save_generator(generator, recipe, 1.0, tmp_path / "half.safetensors", torch.float16)
    loaded, _ = load_generator(tmp_path / "half.safetensors")
    weight = loaded.main[0].weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, generator.main[0].weight.half().float())


def test_a_run_folder_of_another_recipe_is_left_alone(run, recipe):
    before = run.recipe_file.read_bytes()
    with pytest.raises(GanlibError, match="its width is 4, not 8"):
        run.start(replace(recipe, width=8))
    assert run.recipe_file.read_bytes() == before
    run.start(replace(recipe, name="renamed", about="reworded", epochs=7.0))
    assert run.recipe_file.read_bytes() == before


def test_a_lost_checkpoint_does_not_cost_the_generator(run, recipe):
    run.save_generator(recipe.generator(), kimg=1.0)
    with pytest.raises(GanlibError, match=r"no checkpoint\.pt"):
        run.check(recipe)


def test_a_damaged_log_is_a_sentence(run):
    run.log_file.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(GanlibError, match="damaged"):
        run.log()


def test_a_folder_of_the_same_name_does_not_hide_bundled_weights(tmp_path, monkeypatch):
    (tmp_path / "portraits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_generator("portraits")[1].size == 64


def test_a_truncated_weights_file_is_a_sentence(run, recipe):
    run.save_generator(recipe.generator(), kimg=1.0)
    whole = run.generator_file.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        run.generator_file.write_bytes(whole[:length])
        with pytest.raises(GanlibError, match="damaged or cut short"):
            load_generator(run.folder)


def test_weights_that_do_not_fit_their_recipe_are_refused(tmp_path, recipe):
    weights = {"main.0.weight": torch.zeros(2, 2)}
    path = tmp_path / "odd.safetensors"
    save_file(weights, path, {"recipe": json.dumps(recipe.to_json())})
    with pytest.raises(GanlibError, match="does not hold the weights"):
        load_generator(path)
    save_file(weights, path, {"recipe": "5"})
    with pytest.raises(GanlibError, match="damaged"):
        load_generator(path)
    save_file(weights, path)
    with pytest.raises(GanlibError, match="names no recipe"):
        load_generator(path)


def test_a_missing_generator_is_a_sentence(run, tmp_path):
    with pytest.raises(GanlibError, match="train there first"):
        load_generator(run.folder)
    with pytest.raises(GanlibError, match="bundled ones are: portraits"):
        load_generator("no-such-model")
    with pytest.raises(GanlibError, match="no run folder"):
        Run(tmp_path).recipe()


def test_a_damaged_recipe_is_a_sentence(run):
    run.recipe_file.write_text("{")
    with pytest.raises(GanlibError, match="damaged"):
        run.recipe()


def test_the_log_forgets_what_will_be_done_again(run):
    for step in (1, 2, 3):
        run.append_log(row(step))
        run.sample_file(step).write_bytes(b"")
    with run.log_file.open("a") as file:
        file.write('{"step": 4')  # a line that a crash cut short
    run.forget_after(2)
    assert run.log() == [row(1), row(2)]
    assert [path.name for path in run.samples()] == ["000001.png", "000002.png"]


def test_samples_are_in_the_order_of_steps(run):
    for step in (1_000_000, 999_999, 5):
        run.sample_file(step).write_bytes(b"")
    assert [int(path.stem) for path in run.samples()] == [5, 999_999, 1_000_000]


def test_a_run_may_be_named_by_text(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Run(str(tmp_path / "run")).folder == Run(tmp_path / "run").folder == Run("~/run").folder
    assert Run("runs/first").recipe_file == Path("runs/first/recipe.json")


def test_a_damaged_tail_of_the_log_is_forgotten_and_a_damaged_middle_named(run):
    first, second, fourth = (json.dumps(row(step)) + "\n" for step in (1, 2, 4))
    run.log_file.write_text(first + second + '\0\0\n{"st\n' + fourth)  # what a power cut may leave
    run.forget_after(2)
    assert run.log_file.read_text() == first + second
    run.log_file.write_text(f"{first}[]\n{second}")
    with pytest.raises(GanlibError, match="damaged in line 2"):
        run.forget_after(2)
    run.forget_after(1)
    assert run.log() == [row(1)]


def test_a_row_of_the_log_can_be_read_at_once(run):
    run.append_log({"step": 1})
    assert run.log_file.read_bytes() == b'{"step": 1}\n'


def test_two_processes_do_not_train_in_one_folder(run):
    code = f"""
from ganlib.errors import GanlibError
from ganlib.run import Run
try:
    with Run({str(run.folder)!r}).held():
        print("held")
except GanlibError as error:
    print(error)
"""

    def other():
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    with run.held():
        assert "Another process is training" in other()
    assert other() == "held\n"


def test_a_file_system_without_locks_does_not_stop_training(run, monkeypatch):
    def none(self, **_):
        raise NotImplementedError("no locks here")

    monkeypatch.setattr("filelock.FileLock.acquire", none)
    with run.held():
        pass


def test_what_a_killed_process_left_half_written_is_removed(run, recipe):
    part = run.samples_folder / ".000001.part.png"
    mine = run.folder / "notes.part.txt"
    for path in (part, mine):
        path.write_text("half")
    run.start(recipe)
    assert not part.exists()
    assert mine.exists()


def test_no_weight_is_read_before_all_shapes_are_checked(tmp_path, recipe, monkeypatch):
    """A recipe that claims a huge net, and a file that holds a small one, cost no memory."""
    huge = replace(recipe, size=512, width=256, latent_dim=1024)
    weights = {name: tensor.contiguous() for name, tensor in recipe.generator().state_dict().items()}
    path = tmp_path / "claims.safetensors"
    save_file(weights, path, {"recipe": json.dumps(huge.to_json())})
    monkeypatch.setattr("torch.nn.Module.load_state_dict", None)
    with pytest.raises(GanlibError, match="does not hold the weights"):
        load_generator(path)
