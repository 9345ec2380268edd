"""What is said of a run in plain words."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """A name, a sentence with what was seen, and one with what to try."""

    name: str
    seen: str
    advice: str

    def to_json(self) -> dict[str, str]:
        """As it stands in the log and in a checkpoint."""
        return asdict(self)

    def __str__(self) -> str:
        """One line."""
        return f"{self.name}: {self.seen} {self.advice}"
