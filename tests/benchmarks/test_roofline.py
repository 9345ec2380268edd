"""What is foretold of a GPU: by hand for one operator, and for a whole step beside what costs count."""

from dataclasses import replace

import pytest
import torch

from benchmarks import roofline
from benchmarks.operators import Operator, Recorder
from benchmarks.roofline import FUSED, GPUS, GRAPH, HOST, Recording, _fused, main, seconds_on
from ganlib.costs import cost
from ganlib.recipes import Recipe, get_recipe

T4 = GPUS[0]


@pytest.mark.parametrize(
    ("operator", "seconds", "why"),
    [
        (Operator(1, 1e3, 1e3, True), 5e-6, "launches"),
        (Operator(2, 1e3, 1e3, True), 10e-6, "launches"),
        (Operator(1, 26e9, 1e3, True), 1e-3, "arithmetic"),  # 40 % of 65 TFLOP/s
        (Operator(1, 3.24e9, 1e3, False), 1e-3, "arithmetic"),  # 40 % of 8.1 TFLOP/s
        (Operator(1, 1e3, 256e6, True), 1e-3, "memory"),  # 80 % of 320 GB/s
    ],
)
def test_an_operator_takes_as_long_as_what_binds_it(operator, seconds, why):
    assert seconds_on(T4, operator) == (pytest.approx(seconds), why)


def test_bytes_are_those_read_and_written():
    with Recorder() as recorder:
        left, right = torch.ones(4, 6), torch.ones(6, 5)
        left @ right
        (left.bfloat16() + 1).view(2, 12)
    product, cast, added = recorder.operators[2:]
    assert product == Operator(1, 2 * 4 * 6 * 5, 4 * (24 + 30 + 20), False)
    assert cast == Operator(1, 0, (4 + 2) * 24, True)
    assert added == Operator(1, 0, (2 + 2) * 24, True)


def test_a_backward_convolution_is_two_kernels():
    images, kernel = torch.ones(1, 2, 4, 4, requires_grad=True), torch.ones(3, 2, 3, 3, requires_grad=True)
    with Recorder() as recorder:
        torch.nn.functional.conv2d(images, kernel).sum().backward()
    assert [one.kernels for one in recorder.operators if one.flops] == [1, 2]


@pytest.fixture(scope="module")
def recording():
    return Recording(replace(get_recipe("modern64-cpu"), size=32, width=8))


def test_the_arithmetic_is_what_costs_count(recording):
    flops = sum(operator.flops for operator in recording.operators(16))
    wanted = 16 * recording.recipe.penalty_every * cost(recording.recipe).flops
    assert flops == pytest.approx(wanted, rel=0.05)


def test_small_batches_wait_for_the_host_and_large_ones_for_the_gpu(recording):
    rate, binds = recording.rate(T4, 16)
    twice, still = recording.rate(T4, 32)
    assert binds == still == "the host"
    assert twice == pytest.approx(2 * rate)
    assert rate == pytest.approx(16 * 8 / (HOST * len(list(recording.operators(16)))))
    large, why = recording.rate(T4, 65536)
    assert why in {"memory", "arithmetic"}
    assert large < 65536 / 32 * twice
    assert recording.rate(T4, 16, GRAPH)[0] > 2 * rate


def test_compiled_what_lies_between_convolutions_is_one_kernel(recording):
    convolution = Operator(1, 1e9, 5e6, True)
    others = [Operator(1, 0, size, True) for size in (1e6, 4e6, 2e6)]
    fused = list(_fused([*others, convolution, convolution, *others[:2]]))
    assert fused == [others[1], convolution, convolution, others[1]]
    assert recording.rate(T4, 4096, FUSED)[0] > recording.rate(T4, 4096)[0]


def test_a_faster_gpu_is_never_slower(recording):
    rates = {gpu.name: recording.rate(gpu, 2**20)[0] for gpu in GPUS}
    assert rates["T4"] < rates["A100"] < rates["H200"]


def test_augmentation_is_counted_as_a_gpu_does_it():
    plain = Recipe("plain", size=32, width=4, latent_dim=8)
    moved = replace(plain, augment=("translate",))
    kernels = [Recording(recipe).per_step for recipe in (plain, moved)]
    assert 0 < kernels[1] - kernels[0] < 80


def test_it_prints_a_row_for_each_recipe_and_a_sweep(capsys, monkeypatch):
    small = replace(get_recipe("modern64-cpu"), size=32, width=4)
    monkeypatch.setattr(roofline, "get_recipe", lambda _: small)
    main(["modern64-cpu"])
    main(["--sweep", "modern64-cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[2]
        == "| recipe | batch | kernels a step | GFLOP a picture | MB a picture | T4 | L4 | A100 | H200 |"
    )
    assert lines[4].startswith("| modern64-cpu | 16 | ")
    assert sum(line.startswith("| 12 | 256 | compiled |") for line in lines) == 1
