import numpy as np
import pytest
import torch

from ganlib.data.batches import Batches
from ganlib.data.imageset import ImageSet, to_float
from ganlib.errors import GanlibError

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
    mirrored = Batches(art, len(art.train), CPU, mirror=True).next()
    turned = [
        torch.equal(m, p.flip(2)) and not torch.equal(m, p) for m, p in zip(mirrored, plain, strict=True)
    ]
    same = [torch.equal(m, p) for m, p in zip(mirrored, plain, strict=True)]
    assert all(a != b for a, b in zip(turned, same, strict=True))
    assert 10 < sum(turned) < 44


def test_a_batch_larger_than_the_set_is_refused(art):
    count = len(art.train)
    with pytest.raises(GanlibError, match=f"A batch of {count + 1} is larger than the {count} pictures"):
        Batches(art, count + 1, CPU)
    with pytest.raises(GanlibError, match="larger than the 0"):
        Batches(ImageSet(np.zeros((0, 32, 32, 3), np.uint8), "empty"), 1, CPU)
