"""What differs between two sets is counted by name and content."""

import pytest
import torch

from ganlib.training.checkpoint import describe_changes

BEFORE = [(1, 10), (2, 20), (3, 30), (4, 40)]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (BEFORE[::-1], "in another order"),
        ([*BEFORE, (5, 50)], "1 added"),
        (BEFORE[1:], "1 removed"),
        ([(1, 11), *BEFORE[1:]], "1 changed"),
        ([(9, 10), *BEFORE[1:]], "1 renamed"),
        ([(1, 20), (2, 10), *BEFORE[2:]], "2 renamed"),
        ([(5, 50), (6, 10), (2, 21), (4, 40)], "1 added, 1 removed, 1 changed, 1 renamed"),
        ([*BEFORE, (1, 10)], "1 added"),
        ([(n, 10 * n) for n in range(5, 1205)], "1,200 added, 4 removed"),
    ],
)
def test_every_change_is_counted_once(now, told):
    assert describe_changes(torch.tensor(BEFORE), torch.tensor(now)) == told
