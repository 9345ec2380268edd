"""How far a run has come at what cost, in a file beside its checkpoint."""

import json
from pathlib import Path
from typing import NamedTuple

from ganlib.errors import GanlibError
from ganlib.runtime.files import disk_errors_explained, write_atomically


class Place(NamedTuple):
    """Where a run was: `seconds` of training, `memory` in bytes at most, and the mark it passed there.

    `rate` is how many operations a second large matrix products reached in that process, 0 if not measured.
    """

    step: int
    kimg: float
    seconds: float
    memory: int = 0
    mark: str | None = None
    rate: float = 0.0

    @property
    def minutes(self) -> float:
        """The seconds in minutes."""
        return self.seconds / 60


class Track:
    """The places of a run, one a line, oldest first."""

    def __init__(self, folder: Path) -> None:
        """Those in the run folder `folder`, if there are any."""
        self.file = folder / "track.jsonl"

    def places(self) -> list[Place]:
        """All of them; a last line cut short is left out.

        Raises:
            GanlibError: another line is damaged.
        """
        if not self.file.exists():
            return []
        lines = self.file.read_text(encoding="utf-8").split("\n")[:-1]
        try:
            return [Place(**json.loads(line)) for line in lines]
        except (ValueError, TypeError) as error:
            raise GanlibError(f"'{self.file}' is damaged ({error}): remove its folder.") from error

    def kept(self) -> dict[str, Place]:
        """The place of each mark that was passed, by the mark's name."""
        return {place.mark: place for place in self.places() if place.mark}

    def add(self, place: Place) -> None:
        """Write one more."""
        with disk_errors_explained(self.file), self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(place._asdict()) + "\n")

    def go_back(self, step: int) -> Place:
        """Drop what came after the checkpoint of `step`; returns the last place that is left.

        A run that had to go back by itself has been at a step twice, and paid for both: the last one counts.
        """
        places = self.places()
        while places and places[-1].step > step:
            places.pop()
        text = "".join(json.dumps(place._asdict()) + "\n" for place in places)
        write_atomically(self.file, lambda part: part.write_text(text, encoding="utf-8"))
        return places[-1] if places else Place(0, 0.0, 0.0)
