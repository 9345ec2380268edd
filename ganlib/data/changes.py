"""What differs between two sets of pictures, told from checksums alone."""

from collections import Counter

from torch import Tensor


def describe_changes(before: Tensor, now: Tensor) -> str:
    """Count the pictures that were added, removed, changed and renamed, as the end of a sentence.

    Both are (N, 2), what `ImageDataset.checksums` holds.
    """
    pictures, others = (Counter(map(tuple, checksums.tolist())) for checksums in (before, now))
    gone, come = [*(pictures - others).elements()], [*(others - pictures).elements()]
    moved = _contents(gone) & _contents(come)
    names = [Counter(name for name, content in some if content not in moved) for some in (gone, come)]
    renamed, changed = moved.total(), (names[0] & names[1]).total()
    paired = renamed + changed
    counts = {
        "added": len(come) - paired,
        "removed": len(gone) - paired,
        "changed": changed,
        "renamed": renamed,
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "in another order"


def _contents(pictures: list[tuple[int, ...]]) -> Counter[int]:
    return Counter(content for _, content in pictures)
