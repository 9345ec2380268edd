import pytest

from ganlib.training.logger import sample_is_due, score_is_due


@pytest.mark.parametrize(
    ("first", "last", "gap"),
    [(1, 31, 1), (32, 63, 2), (64, 127, 4), (128, 255, 8), (512, 1023, 32), (1024, 2047, 64)],
)
def test_samples_grow_sparse_with_length_and_every_fourth_is_scored(first, last, gap):
    numbers = range(first, last + 1)
    assert [number for number in numbers if sample_is_due(number)] == [n for n in numbers if n % gap == 0]
    assert [number for number in numbers if score_is_due(number)] == [
        n for n in numbers if n % (4 * gap) == 0
    ]
