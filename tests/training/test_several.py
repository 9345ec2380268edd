import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from ganlib.cli import main
from ganlib.data.dataset import to_float
from ganlib.recipes import get_recipe, override
from ganlib.run import Run
from ganlib.training.trainer import Trainer
from ganlib.weights import load_generator
from tests.training.members import FIRST, LAST, NO_NORM, pictures, trainer
from tests.training.together import ROOT, finish, full_length, start

pytestmark = pytest.mark.usefixtures("full_length")
ACCELERATE = ("accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--main_process_port=0")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A folder in which two processes have trained, and what each has seen; the second one was killed."""
    folder = tmp_path_factory.mktemp("together")
    process = start("tests.training.members", "train", folder)
    said = finish(process)
    assert process.returncode != 0
    assert (folder / "lost").exists(), said
    return folder, [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes of the same recipe and pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GANLIB_TINY", raising=False)
        one = trainer(tmp_path_factory.mktemp("alone") / "run")
        one.fit(kimg=LAST)
    return one


def numbers(state):
    """Every weight, average and moment, by name."""
    nets = {
        f"{net} {name}": t for net in ("generator", "discriminator", "ema") for name, t in state[net].items()
    }
    moments = {
        f"{adam} {place} {name}": tensor
        for adam in ("g_optimizer", "d_optimizer")
        for place, values in state[adam].items()
        for name, tensor in values.items()
    }
    return {**nets, **moments}


def furthest(state, other):
    """How far two states are apart, by the largest difference of two numbers."""
    state, other = numbers(state), numbers(other)
    assert state.keys() == other.keys()
    return max((state[name].double() - other[name].double()).abs().max().item() for name in state)


def places(state):
    return (
        state["counters"]["step"],
        state["counters"]["images"],
        state["data"]["epoch"],
        state["data"]["position"],
    )


def test_two_processes_come_to_the_same_weights_as_one(together, alone):
    _, (first, second) = together
    reference = alone.state.state_dict()
    assert reference["counters"]["step"] >= 10
    assert furthest(first["state"], reference) < 1e-5
    assert furthest(second["state"], first["state"]) == 0
    assert places(first["state"]) == places(second["state"]) == places(reference)
    assert torch.equal(first["state"]["random"]["cpu"], reference["random"]["cpu"])


def test_two_processes_write_the_log_of_one(together, alone):
    folder, _ = together
    rows, reference = Run(folder / "run0").log(), alone.run.log()
    assert len(rows) == len(reference) == 1
    assert rows[0].keys() == reference[0].keys()
    measured = {name for name, value in reference[0].items() if isinstance(value, float)}
    assert {"d_loss", "g_loss", "real_probability", "fake_probability", "g_gradient"} < measured
    for name in measured - {"seconds", "images_per_second"}:
        assert rows[0][name] == pytest.approx(reference[0][name], rel=1e-5), name


def test_a_run_of_two_goes_on_with_one(together, tmp_path):
    folder, _ = together
    run = shutil.copytree(folder / "run0", tmp_path / "run")
    whole = trainer(tmp_path / "whole")
    whole.fit(kimg=LAST + FIRST)
    goes_on = trainer(run)
    goes_on.fit(kimg=LAST + FIRST)
    assert places(goes_on.state.state_dict()) == places(whole.state.state_dict())
    assert furthest(goes_on.state.state_dict(), whole.state.state_dict()) < 1e-5


def test_each_picture_is_seen_by_one_process_once_an_epoch(together):
    _, (first, second) = together
    art = pictures()
    trained = to_float(torch.from_numpy(art.images[art.train]))
    assert not set(first["epoch"]) & set(second["epoch"])
    shown = sorted(first["epoch"] + second["epoch"])
    assert shown == sorted(picture.numpy().tobytes() for picture in trained)


def test_one_process_alone_writes(together):
    folder, _ = together
    assert {"run0", "stopped0", "diverged0", "dies0"} < {path.name for path in folder.iterdir()}
    assert not list(folder.glob("*1"))  # the second process was told another folder, as on another machine


def test_what_one_process_meets_all_obey(together):
    _, seen = together
    for values in seen:
        assert values["stopped"] == (3, True)
        assert values["gone back"] == (1, NO_NORM.g_lr / 2)


def test_processes_that_were_given_different_things_say_so(together):
    _, seen = together
    for values in seen:
        assert values["pictures"].startswith("The processes have different pictures")
        assert values["recipe"].startswith("The processes have different recipes")
        assert "A batch of 101 cannot be shared evenly by 2 processes" in values["odd batch"]


def test_a_run_that_has_lost_a_process_goes_on_from_its_last_step(together, tmp_path):
    folder, _ = together
    assert (folder / "lost").read_text().startswith("Another process of this run has ended")
    goes_on = trainer(shutil.copytree(folder / "dies0", tmp_path / "run"))
    assert goes_on.state.step == 7  # the eighth was never finished
    goes_on.fit(kimg=LAST)
    whole = trainer(tmp_path / "whole")
    whole.fit(kimg=LAST)
    assert furthest(goes_on.state.state_dict(), whole.state.state_dict()) < 1e-5
    assert [row["step"] for row in goes_on.run.log()] == [row["step"] for row in whole.run.log()]


def test_bf16_on_a_cpu_trains_and_goes_on_exactly(tmp_path, alone):
    subprocess.run([sys.executable, "-m", "tests.training.members", "bf16", tmp_path], cwd=ROOT, check=True)
    whole, in_parts = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "parts"))
    assert furthest(whole, in_parts) == 0
    assert all(tensor.isfinite().all() for tensor in numbers(whole).values())
    assert furthest(whole, alone.state.state_dict()) > 1e-5  # that computed in fp32
    assert load_generator(tmp_path / "cli")[1].width == 2


def test_fp16_on_a_cpu_is_a_sentence(tmp_path, capsys):
    command = ["train", "portraits64", "--run", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--precision", "fp16"]) == 2
    assert "A CPU does not train in fp16: choose bf16 or fp32." in capsys.readouterr().err


def test_a_notebook_starts_two_processes(tmp_path, alone):
    command = [sys.executable, "-m", "tests.training.members", "notebook", tmp_path]
    subprocess.run(command, cwd=ROOT, env=full_length(), check=True)
    assert places(torch.load(tmp_path / "1.pt")) == places(alone.state.state_dict())
    for rank in range(2):
        assert furthest(torch.load(tmp_path / f"{rank}.pt"), alone.state.state_dict()) < 1e-5
    assert not (tmp_path / "run1").exists()


def train_command(run, *more):
    settings = ["--set", "width=2", "batch_size=8", "--save-minutes", "0.01"]
    return ["ganlib", "train", "portraits64-cpu", "--device", "cpu", "--run", run, *settings, *more]


def wait_for(condition, process):
    """Wait for what the processes will have done soon, and say what they said if they never do."""
    end = time.monotonic() + 120
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(finish(process))
        time.sleep(0.05)


def member(process, rank):
    """The process of this rank, among those that a launcher has started."""
    return next(
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.environ().get("RANK") == str(rank)
    )


def saved_step(run):
    return torch.load(run / "checkpoint.pt")["counters"]["step"] if (run / "checkpoint.pt").exists() else 0


def test_killing_one_process_ends_the_other_and_what_is_left_goes_on(tmp_path):
    run = tmp_path / "run"
    process = start(*train_command(run), launcher=ACCELERATE)
    wait_for(lambda: saved_step(run) > 0, process)
    member(process, 1).kill()
    said = finish(process, seconds=30)
    assert process.returncode != 0
    assert "ganlib: Another process of this run has ended" in said
    assert "2 processes share each batch of 8; BatchNorm statistics of each process." in said
    step = saved_step(run)

    process = start(*train_command(run))  # two go on
    wait_for(lambda: saved_step(run) > step, process)
    process.send_signal(signal.SIGTERM)
    said = finish(process, seconds=30)
    assert said.count("Everything is saved: start again to continue") == 1
    assert process.returncode != 0
    step = saved_step(run)

    recipe = override(get_recipe("portraits64-cpu"), ["width=2", "batch_size=8"])
    one = Trainer(recipe, "portraits", run, device="cpu", callbacks=[])
    assert one.state.step == step > 0
    one.fit(kimg=one.state.kimg + 0.05)
    assert one.state.step > step
