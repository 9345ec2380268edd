import pytest
import torch

from ganlib import machine
from ganlib.errors import GanlibError


class Card:
    name = "Tesla T4"
    total_memory = 16 * 2**30


@pytest.mark.parametrize(
    ("capability", "precision"), [((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_bf16_is_used_only_where_it_is_native(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    found = machine.detect()
    assert found.precision == precision
    assert str(found) == f"cuda: Tesla T4, 16 GiB, {precision}"


def test_a_cpu_computes_in_fp32():
    found = machine.detect("cpu")
    assert (found.device.type, found.precision) == ("cpu", "no")
    assert "fp32" in str(found)


def test_a_device_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GanlibError, match="no device 'cuda' here"):
        machine.detect("cuda")


def test_the_tiny_switch_shortens_budgets_and_makes_fresh_run_folders(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    assert machine.budget(100, tiny=3) == 3
    assert machine.run_folder("a") != machine.run_folder("a")
    monkeypatch.delenv("GANLIB_TINY")
    assert machine.budget(100, tiny=3) == 100
    assert str(machine.run_folder("a")).replace("\\", "/") == "runs/a"
