"""The part of the studio that is always open: the seed, the places before, and truncation."""

from random import Random

import ipywidgets as widgets

from ganlib.show.studio.controls import Dial, button, chooser, column, row, watched
from ganlib.show.studio.desk import Desk

_LARGEST_SEED = 2**53 - 1  # the largest whole number that a browser knows
_NEW_SEEDS = 1_000_000  # short enough to be told to a friend
_MOST_TRUNCATION = 1.5
_LISTED = 20
_LABELS = "80px"


class Seeds:
    """A box for the seed with buttons around it, a history, and a slider for truncation."""

    def __init__(self, desk: Desk, random: Random) -> None:
        """`random` draws new seeds."""
        self._desk = desk
        self._random = random
        state = desk.state
        self.seed = watched(_number(), "seed", lambda seed: desk.act(lambda: state.go_to_seed(seed)))
        self.history = chooser("History", "history", [], self._revisit)
        self.truncation = Dial(
            "Truncation",
            "truncation",
            (0.0, _MOST_TRUNCATION),
            0.05,
            lambda: state.place.truncation,
            lambda amount: desk.act(lambda: state.truncate(amount)),
        )
        for widget in (self.seed, self.history, self.truncation.widget):
            widget.style.description_width = _LABELS
        self.box = self._arranged()

    def _arranged(self) -> widgets.Box:
        desk, state = self._desk, self._desk.state
        return column(
            row(
                self.seed,
                button("Previous", "previous", lambda: self._step(-1)),
                button("Next", "next", lambda: self._step(1)),
                button("New", "new", lambda: desk.act(lambda: state.go_to_seed(self._drawn()))),
            ),
            row(
                self.history,
                button("Back", "back", lambda: desk.act(state.go_back)),
                button("Reset all", "reset", lambda: desk.act(state.reset)),
            ),
            self.truncation.widget,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        state = self._desk.state
        self.seed.value = min(state.place.seed, _LARGEST_SEED)
        self.truncation.show()
        before = state.history[: -_LISTED - 1 : -1]
        options = [("now", 0), *((place.describe(state.names), k + 1) for k, place in enumerate(before))]
        if self.history.options != tuple(options):
            self.history.options = options
        self.history.value = 0

    def _step(self, by: int) -> None:
        state = self._desk.state
        self._desk.act(lambda: state.go_to_seed(state.place.seed + by))

    def _drawn(self) -> int:
        return self._random.randrange(_NEW_SEEDS)

    def _revisit(self, steps: int) -> None:
        if steps:
            self._desk.act(lambda: self._desk.state.revisit(steps))


def _number() -> widgets.BoundedIntText:
    return widgets.BoundedIntText(
        description="Seed", min=0, max=_LARGEST_SEED, layout=widgets.Layout(width="176px")
    )
