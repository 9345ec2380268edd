"""What differs between two sets of pictures, told from checksums alone."""

from collections import Counter

from torch import Tensor

_NAME, _CONTENT, _BOTH = slice(0, 1), slice(1, 2), slice(0, 2)
_Known = list[list[int]]


def describe_changes(before: Tensor, now: Tensor) -> str:
    """Count the pictures that were added, removed, changed and renamed, as the end of a sentence.

    Both are (N, 2), what `ImageDataset.checksums` holds.
    """
    gone, come = before.tolist(), now.tolist()
    _pair(gone, come, _BOTH)
    renamed, changed = _pair(gone, come, _CONTENT), _pair(gone, come, _NAME)
    counts = {"added": len(come), "removed": len(gone), "changed": changed, "renamed": renamed}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "in another order"


def _pair(gone: _Known, come: _Known, part: slice) -> int:
    """Take out of both lists the pictures that agree in `part`; returns how many pairs there were."""
    here, there = (Counter(tuple(picture[part]) for picture in pictures) for pictures in (gone, come))
    common = here & there
    for pictures in (gone, come):
        left = common.copy()
        pictures[:] = [picture for picture in pictures if not _taken(left, tuple(picture[part]))]
    return common.total()


def _taken(left: Counter[tuple[int, ...]], key: tuple[int, ...]) -> bool:
    left[key] -= 1
    return left[key] >= 0
