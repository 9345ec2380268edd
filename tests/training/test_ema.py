import pytest
import torch
from torch import nn

from ganlib.nets.dcgan import DCGANGenerator
from ganlib.training.state import GeneratorEMA


def test_half_of_the_old_is_left_after_one_half_life():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    average = GeneratorEMA(net, half_life_kimg=2.0)
    average.update(100, kimg=1000)
    net.weight.data.fill_(1.0)
    for _ in range(20):
        average.update(100, kimg=1000)
    assert average.generator.weight.item() == pytest.approx(0.5, abs=1e-5)


def test_the_half_life_is_short_in_the_beginning():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    average = GeneratorEMA(net, half_life_kimg=2.0)
    average.update(100, kimg=1.0)
    net.weight.data.fill_(1.0)
    average.update(100, kimg=2.0)  # half-life 0.1 kimg: one batch
    assert average.generator.weight.item() == pytest.approx(0.5, abs=1e-5)


def test_batchnorm_statistics_are_averaged_and_counts_are_copied():
    generator = DCGANGenerator(32, 8, 4)
    average = GeneratorEMA(generator, half_life_kimg=0.1)
    for _ in range(3):
        generator(torch.randn(16, 8))
        average.update(100, kimg=1000)
    norm, averaged = generator.main[1], average.generator.main[1]
    assert averaged.num_batches_tracked == norm.num_batches_tracked == 3
    assert not torch.equal(averaged.running_var, norm.running_var)
    assert not torch.equal(averaged.running_var, torch.ones(16))
    assert not average.generator.training
