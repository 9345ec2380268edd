import numpy as np
import pytest
import torch

from ganlib.data import storage as module
from ganlib.data.loader import Batches
from ganlib.data.dataset import ImageDataset
from ganlib.data.loader import OnDevice, ReadAhead, choose_storage
from ganlib.runtime.device import free_memory

CPU = torch.device("cpu")


@pytest.fixture
def mapped(art, tmp_path):
    np.save(tmp_path / "images.npy", art.images)
    return ImageDataset(np.load(tmp_path / "images.npy", mmap_mode="r"), "mapped")


@pytest.mark.parametrize("kind", [OnDevice, ReadAhead])
def test_pictures_come_in_the_order_that_was_given(mapped, kind, monkeypatch):
    monkeypatch.setattr(module, "_PICTURES_AT_ONCE", 7)
    storage = kind(mapped, CPU)
    count = len(mapped.train)
    for seed in range(2):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        storage.begin(order)
        expected = torch.from_numpy(np.array(mapped.images[mapped.train[order.numpy()]]))
        shown = [storage.read(start, min(start + 16, count)) for start in range(0, count, 16)]
        assert torch.equal(torch.cat(shown), expected)
        storage.begin(order)
        assert torch.equal(storage.read(16, 32), expected[16:32])
        assert torch.equal(storage.read(0, 3), expected[:3])
        storage.begin(order.flip(0))
        assert torch.equal(storage.read(3, 6), expected.flip(0)[3:6])


def test_the_next_batch_is_read_while_this_one_is_used(mapped, monkeypatch):
    storage = ReadAhead(mapped, CPU)
    loaded, load = [], storage._load
    monkeypatch.setattr(
        storage, "_load", lambda start, stop: loaded.append((start, stop)) or load(start, stop)
    )
    storage.begin(torch.arange(len(mapped.train)))
    storage.read(0, 16)
    storage._next[2].result()
    assert loaded == [(0, 16), (16, 32)]
    storage.read(16, 32)
    storage._next[2].result()
    assert loaded == [(0, 16), (16, 32), (32, 48)]


@pytest.mark.parametrize(("spare", "kind"), [(-1, ReadAhead), (0, OnDevice), (1, OnDevice)])
def test_a_set_lies_on_the_device_if_half_of_its_memory_is_enough(mapped, monkeypatch, spare, kind):
    needed = len(mapped.train) * 32 * 32 * 3
    monkeypatch.setattr(module, "free_memory", lambda device: 2 * needed + spare)
    storage = choose_storage(mapped, CPU)
    assert type(storage) is kind
    assert storage.where == (
        "0 MiB of pictures lie in the memory of cpu"
        if kind is OnDevice
        else "0 MiB of pictures stay on disk and are read ahead"
    )


def test_batches_are_the_same_wherever_the_pictures_lie(mapped, monkeypatch):
    on_device = Batches(mapped, 16, CPU)
    monkeypatch.setattr(module, "free_memory", lambda device: 0)
    read_ahead = Batches(mapped, 16, CPU)
    assert isinstance(read_ahead.storage, ReadAhead)
    assert isinstance(on_device.storage, OnDevice)
    for _ in range(9):
        assert torch.equal(on_device.next(), read_ahead.next())
    read_ahead.start_epoch(on_device.epoch, on_device.position)
    assert torch.equal(on_device.next(), read_ahead.next())


def test_free_memory_is_a_part_of_all_memory():
    import psutil

    assert 0 < free_memory(CPU) <= psutil.virtual_memory().total


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pictures_reach_the_gpu_either_way(mapped):
    device = torch.device("cuda")
    assert free_memory(device) > 0
    order = torch.arange(len(mapped.train))
    shown = []
    for storage in (OnDevice(mapped, device), ReadAhead(mapped, device)):
        storage.begin(order)
        shown.append(torch.cat([storage.read(0, 16), storage.read(16, 32)]))
        assert shown[-1].device.type == "cuda"
    assert torch.equal(*shown)
