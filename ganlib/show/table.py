"""Columns of text."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """A line for each row, its cells below those of the row before; all rows have as many."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
