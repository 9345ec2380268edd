"""How much arithmetic a device does in a second where it can do most: multiplying two large matrices."""

import statistics
import time

import torch

TYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SIDE = {"cuda": 8192}
_SIDE_ELSEWHERE = 2048
_WARM, _COUNTED = 3, 10


def matrix_rate(device: str, precision: str, side: int | None = None) -> float:
    """Floating-point operations a second, the median of ten products after three to warm up.

    `precision` is accelerate's word: "no" (fp32), "bf16" or "fp16". On a GPU fp32 is done in TF32, as
    torch's convolutions are.
    """
    side = side or _SIDE.get(device, _SIDE_ELSEWHERE)
    own = torch.Generator(device).manual_seed(0)  # the random numbers of a run stay as they are
    sides = (torch.randn(side, side, device=device, generator=own) for _ in range(2))
    left, right = (each.to(TYPES[precision]) for each in sides)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if device == "cuda" else before)
    try:
        times = [_seconds(left, right) for _ in range(_WARM + _COUNTED)][_WARM:]
    finally:
        torch.set_float32_matmul_precision(before)
    return 2 * side**3 / statistics.median(times)


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    began = time.perf_counter()
    (left @ right)[0, 0].item()  # waits for the device
    return time.perf_counter() - began
