import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.runtime import device as machine
from ganlib.runtime.device import one_thread


@pytest.fixture(autouse=True)
def nobody_asks_for_a_precision(monkeypatch):
    monkeypatch.delenv("GANLIB_PRECISION", raising=False)


class Card:
    name = "Tesla T4"
    total_memory = 16 * 2**30


class Faster(Card):
    name = "L4"


def put_in_cards(monkeypatch, cards):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda place: cards[place][0])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda place: cards[place][1])


@pytest.mark.parametrize(
    ("capability", "precision"), [((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_bf16_is_used_only_where_it_is_native(monkeypatch, capability, precision):
    put_in_cards(monkeypatch, [(Card, capability)])
    found = machine.detect()
    assert found.precision == precision
    assert str(found) == f"cuda: Tesla T4, 16 GiB, {precision}"


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fma avx2 avx512f", "fp32"),
        ("avx512f avx512_bf16 avx512_vnni", "bf16"),
        ("amx_bf16 amx_tile", "bf16"),
        ("avx512_bf16x", "fp32"),
    ],
)
def test_a_cpu_computes_in_bf16_where_that_is_faster(monkeypatch, tmp_path, flags, precision):
    (tmp_path / "cpuinfo").write_text(f"model name\t: Sixty Cores\nflags\t\t: {flags}\n", encoding="utf-8")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    found = machine.detect("cpu")
    assert found.device.type == "cpu"
    assert str(found).startswith("cpu: Sixty Cores, ")
    assert str(found).endswith(precision)
    assert machine.detect("cpu", "fp32").precision == "no"


def test_where_linux_tells_nothing_a_cpu_computes_in_fp32(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "none")
    assert machine.detect("cpu").precision == "no"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_environment_may_ask_for_a_precision(monkeypatch, precision):
    monkeypatch.setenv("GANLIB_PRECISION", precision)
    assert str(machine.detect("cpu")).endswith(precision)
    assert str(machine.detect("cpu", "fp32")).endswith("fp32")
    monkeypatch.setenv("GANLIB_PRECISION", "fp8")
    with pytest.raises(GanlibError, match="no precision 'fp8'"):
        machine.detect("cpu")


def test_each_process_has_the_gpu_of_its_place_on_the_machine(monkeypatch):
    put_in_cards(monkeypatch, [(Card, (7, 5)), (Faster, (8, 9))])
    monkeypatch.setenv("LOCAL_RANK", "1")
    found = machine.detect()
    assert (found.device, found.name, found.precision) == (torch.device("cuda", 1), "L4", "bf16")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(GanlibError, match=r"than this machine has GPUs \(2\): start one for each GPU"):
        machine.detect()


def test_a_gpu_that_the_notebook_used_before_it_forked_is_a_sentence(monkeypatch):
    def refuse(_):
        raise RuntimeError(
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing ..."
        )

    put_in_cards(monkeypatch, [(Card, (7, 5))])
    monkeypatch.setattr(torch.cuda, "get_device_properties", refuse)
    with pytest.raises(GanlibError, match=r"in forked subprocess\).*Restart the kernel and start them first"):
        machine.detect()


@pytest.mark.parametrize("word", ["True", "1", "yes"])
def test_accelerate_may_ask_for_the_cpu(monkeypatch, word):
    put_in_cards(monkeypatch, [(Card, (7, 5))])
    monkeypatch.setenv("ACCELERATE_USE_CPU", word)
    assert machine.detect().device.type == "cpu"
    assert machine.detect("cuda").device.type == "cuda"


@pytest.mark.parametrize(("precision", "word"), [("bf16", "bf16"), ("fp32", "no")])
def test_a_cpu_computes_with_the_precision_asked_for(precision, word):
    found = machine.detect("cpu", precision)
    assert found.precision == word
    assert str(found).endswith(precision)


def test_a_precision_that_cannot_be_is_a_sentence():
    with pytest.raises(GanlibError, match="A CPU does not train in fp16: choose bf16 or fp32"):
        machine.detect("cpu", "fp16")
    with pytest.raises(GanlibError, match="no precision 'fp8': choose one of fp32, bf16, fp16"):
        machine.detect("cpu", "fp8")


def test_bf16_is_refused_where_a_gpu_only_emulates_it(monkeypatch):
    put_in_cards(monkeypatch, [(Card, (7, 5)), (Faster, (8, 9))])
    with pytest.raises(GanlibError, match="This GPU, Tesla T4, has no bf16 of its own: choose fp16 or fp32"):
        machine.detect("cuda", "bf16")
    assert machine.detect("cuda", "fp32").precision == "no"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert machine.detect("cuda", "bf16").precision == "bf16"


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


def test_a_tiny_run_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    code = "import ganlib; f = ganlib.run_folder('a'); f.mkdir(); (f / 'b').touch(); print(f)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(told.stdout.strip())
    assert folder.name == "a"
    assert not folder.parent.exists()


@pytest.fixture
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


def test_one_thread_and_then_as_many_as_before(three_threads):
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_as_many_as_before_after_an_error_too(three_threads):
    with pytest.raises(RuntimeError), one_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 3


def test_a_function_can_be_held_to_one_thread_every_time_it_is_called(three_threads):
    threads = one_thread()(torch.get_num_threads)
    assert [threads(), threads()] == [1, 1]
    assert torch.get_num_threads() == 3
