"""A process that is asked to end while it trains: all is saved first."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from jupyter_client.manager import start_new_kernel

from ganlib.run import Run

SETTINGS = {name: value for name, value in os.environ.items() if name != "GANLIB_TINY"}
SMALL = ("width=4", "batch_size=16")


def wait_for_training(run, process_is_alive):
    """Wait until the first row of the log is written, a thousand pictures after the start."""
    while not run.log():
        assert process_is_alive()
        time.sleep(0.1)


def check_that_all_was_saved(run):
    saved = torch.load(run.checkpoint_file, weights_only=True)
    assert saved["counters"]["step"] >= run.log()[-1]["step"]
    assert saved["last_look"] == saved["counters"]["step"]  # not a save by the clock, but that of the end
    assert run.sample_file(saved["last_look"]).exists()


def test_a_notebook_s_kernel_that_is_shut_down_saves_first(tmp_path):
    """As Colab does when it wants its machine back: Jupyter asks, and takes a slow kernel away."""
    run = Run(tmp_path / "run")
    kernel, client = start_new_kernel(env=SETTINGS)
    kernel.shutdown_wait_time = 120.0
    client.execute(
        f"""
import ganlib
recipe = ganlib.Recipe("test", width=4, batch_size=16)
ganlib.Trainer(recipe, "portraits", {str(run.folder)!r}, device="cpu").fit(minutes=30)
"""
    )
    wait_for_training(run, kernel.is_alive)
    client.stop_channels()
    kernel.shutdown_kernel()
    check_that_all_was_saved(run)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking")
def test_a_command_that_is_asked_to_end_saves_first(tmp_path):
    run = Run(tmp_path / "run")
    command = [sys.executable, "-m", "ganlib", "train", "portraits64", "--run", str(run.folder)]
    command += ["--device", "cpu", "--minutes", "30", "--set", *SMALL]
    with subprocess.Popen(command, env=SETTINGS, stdout=subprocess.PIPE, text=True) as process:
        wait_for_training(run, lambda: process.poll() is None)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert "Everything is saved: start again to continue" in output
    check_that_all_was_saved(run)
