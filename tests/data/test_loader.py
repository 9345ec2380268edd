import numpy as np
import pytest
import torch

from ganlib.data import loader as module
from ganlib.data.dataset import ImageDataset, to_float
from ganlib.data.loader import Batches, OnDevice, ReadAhead, choose_storage
from ganlib.errors import GanlibError
from ganlib.runtime.device import free_memory
from ganlib.runtime.distributed import Share

CPU = torch.device("cpu")


def names(batch):
    return [picture.numpy().tobytes() for picture in batch]


def test_an_epoch_shows_every_training_picture_once_and_no_other(art):
    batches = Batches(art, 16, CPU)
    shown = [batches.next() for _ in range(4)]
    assert [len(batch) for batch in shown] == [16, 16, 16, len(art.train) - 48]
    trained = to_float(torch.from_numpy(art.images[art.train]))
    assert sorted(names(torch.cat(shown))) == sorted(names(trained))


def test_the_order_depends_on_seed_and_epoch_alone(art):
    first, same, other = (Batches(art, len(art.train), CPU, seed) for seed in (1, 1, 2))
    epochs = [names(first.next()) for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert epochs == [names(same.next()) for _ in range(2)]
    assert epochs[0] != names(other.next())


def test_a_place_in_the_data_is_found_again(art):
    batches, again = Batches(art, 16, CPU), Batches(art, 16, CPU)
    for _ in range(6):
        batches.next()
    again.start_epoch(batches.epoch, batches.position)
    assert torch.equal(batches.next(), again.next())


def test_mirror_turns_some_pictures_round(art):
    plain = Batches(art, len(art.train), CPU).next()
    mirrored = Batches(art, len(art.train), CPU, hflip=True).next()
    turned = [
        torch.equal(m, p.flip(2)) and not torch.equal(m, p) for m, p in zip(mirrored, plain, strict=True)
    ]
    same = [torch.equal(m, p) for m, p in zip(mirrored, plain, strict=True)]
    assert all(a != b for a, b in zip(turned, same, strict=True))
    assert 10 < sum(turned) < 44


def test_quarter_turns_turn_each_picture_by_none_to_three(art):
    plain = Batches(art, len(art.train), CPU).next()
    turned = Batches(art, len(art.train), CPU, quarter_turns=True).next()
    counts = [0] * 4
    for one, other in zip(turned, plain, strict=True):
        (turns,) = [k for k in range(4) if torch.equal(one, other.rot90(k, (1, 2)))]
        counts[turns] += 1
    assert min(counts) >= 5


def test_a_batch_larger_than_the_set_is_refused(art):
    with pytest.raises(GanlibError, match=f"A batch of 65 is larger than the {len(art.train)} pictures"):
        Batches(art, 65, CPU)
    with pytest.raises(GanlibError, match="All pictures of 'empty' are held out"):
        Batches(ImageDataset(np.zeros((0, 32, 32, 3), np.uint8), "empty"), 1, CPU)


@pytest.mark.parametrize(("size", "moved"), [(3, False), (3, True), (17, True)])
def test_processes_share_the_batches_that_one_would_have(art, size, moved):
    moves = {"hflip": moved, "quarter_turns": moved}
    alone = Batches(art, 34 if size == 17 else 24, CPU, **moves)
    processes = [
        Batches(art, alone.batch_size, CPU, **moves, share=Share(rank, size)) for rank in range(size)
    ]
    for number in range(6):
        torch.manual_seed(number)
        whole = alone.next()
        parts = []
        for batches in processes:
            torch.manual_seed(number)
            parts.append(batches.next())
        assert torch.equal(torch.cat(parts), whole)
        assert {len(part) for part in parts} == {len(whole) // size}
        places = {(batches.epoch, batches.position, batches.at_end()) for batches in processes}
        assert places == {(alone.epoch, alone.position, alone.at_end())}


def test_an_end_that_cannot_be_shared_evenly_is_passed_over_and_is_another_each_time(art):
    trained = set(names(to_float(torch.from_numpy(art.images[art.train]))))
    processes = [Batches(art, 16, CPU, share=Share(rank, 2)) for rank in range(2)]
    left_out = []
    for _ in range(2):
        shown = [name for _ in range(4) for batches in processes for name in names(batches.next())]
        assert len(shown) == len(set(shown)) == len(trained) - 1
        left_out += trained - set(shown)
        assert all(batches.at_end() for batches in processes)
    assert left_out[0] != left_out[1]
    assert [len(batches.next()) for batches in processes] == [8, 8]
    assert [batches.epoch for batches in processes] == [2, 2]


def test_a_batch_that_cannot_be_shared_evenly_is_refused(art):
    with pytest.raises(GanlibError, match=r"16 cannot be shared evenly by 3 processes.* such as 18"):
        Batches(art, 16, CPU, share=Share(0, 3))


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
        "0 MiB of pictures are held in the memory of cpu"
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


@pytest.mark.parametrize(("count", "batch"), [(10, 16), (10, 64), (40, 16), (16, 16)])
def test_fewer_pictures_than_a_batch_are_shown_several_times(count, batch):
    images = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
    art = ImageDataset(images, "few")
    batches, pictures = Batches(art, batch, CPU, seed=3), len(art.train)
    times = -(-batch // pictures)
    assert (len(batches), batches.epoch_length) == (pictures, times * pictures)
    seen = []
    while not batches.at_end():
        found = batches.next()
        assert len(found) == batch or batches.at_end()
        seen += found[:, 0, 0, 0].tolist()
    assert len(set(seen)) == pictures
    assert {seen.count(value) for value in seen} == {times}


def test_a_set_of_which_all_is_held_out_is_a_sentence(monkeypatch):
    monkeypatch.setattr("ganlib.data.dataset._HELD_OUT_OF_20", 20)
    art = ImageDataset(np.zeros((12, 32, 32, 3), np.uint8), "few")
    with pytest.raises(GanlibError, match="All pictures of 'few' are held out"):
        Batches(art, 4, CPU)
