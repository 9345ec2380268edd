"""Sliders for a toy GAN, which is drawn while it is trained."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import ipywidgets as widgets

from ganlib.course.toy import DISTRIBUTIONS, TOY_LOSSES, Snapshot, ToyGAN, ToySettings, summarise, toy_figure
from ganlib.errors import GanlibError
from ganlib.show.figure import Figure, Interactive
from ganlib.studio.widgets import LABELS, Debounce, announced, button, column, note, row, tagged, watched

_RATES = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
_TURNS = tuple(range(1, 11))
_CONTROLS: dict[str, tuple[str, type, tuple[Any, ...]]] = {  # a label, a widget and its options
    "distribution": ("Real points", widgets.Dropdown, tuple(DISTRIBUTIONS)),
    "loss": ("Loss", widgets.Dropdown, TOY_LOSSES),
    "g_lr": ("G's learning rate", widgets.SelectionSlider, _RATES),
    "d_lr": ("D's learning rate", widgets.SelectionSlider, _RATES),
    "g_steps": ("G's steps a turn", widgets.SelectionSlider, _TURNS),
    "d_steps": ("D's steps a turn", widgets.SelectionSlider, _TURNS),
    "latent_dim": ("Numbers in z", widgets.SelectionSlider, (1, 2, 4, 8, 16, 64)),
    "seed": ("Seed", widgets.SelectionSlider, tuple(range(10))),
}
_WIDE = {"width": "360px", "max_width": "100%"}
_BETWEEN_MESSAGES = 0.02  # seconds in which a kernel reads what waits to be read, such as Stop


class Playground(Interactive):
    """Train a toy GAN with settings of your own, and watch samples and D's verdict move."""

    def __init__(self, settings: ToySettings | None = None, every: int = 50, snapshots: int = 48) -> None:
        """Begin with these settings; a training is `snapshots` times `every` steps, each drawn at its end.

        Raises:
            GanlibError: a setting is none of the options, or there is nothing to draw.
        """
        if every < 1 or snapshots < 1:
            raise GanlibError(f"{snapshots} snapshots of {every} steps cannot be drawn: ask for 1 or more.")
        settings = settings or ToySettings()
        self._every, self._count = every, snapshots
        self._controls = {name: _control(name, value) for name, value in asdict(settings).items()}
        self._advance_soon = Debounce(self._advance, _BETWEEN_MESSAGES)
        self._ahead: Iterator[Snapshot] = iter(())
        super().__init__(self._arranged(), lambda: self._frames[-1], lambda: self._text)
        self._begin(settings)

    @property
    def settings(self) -> ToySettings:
        """What the sliders say; the next training takes it."""
        chosen = {name: control.options[control.index][1] for name, control in self._controls.items()}
        return ToySettings(**chosen)  # by index, as a slider whose value is set to None keeps no other

    @property
    def snapshots(self) -> list[Snapshot]:
        """What has been seen of the training, from the first step to the last."""
        return list(self._seen)

    def train(self) -> None:
        """Begin again, with what the sliders say."""
        self._begin(self.settings)
        self.go_on()

    def go_on(self) -> None:
        """Train on, with the settings that this training began with."""
        self._ahead = self._gan.snapshots(self._every, self._count)
        self._advance_soon()

    def stop(self) -> None:
        """Pause the training, which can go on later."""
        self._ahead = iter(())

    def _begin(self, settings: ToySettings) -> None:
        self._gan = ToyGAN(settings)
        self.stop()
        self._seen: list[Snapshot] = []
        self._frames: list[Figure] = []
        self._keep(self._gan.snapshot())

    def _advance(self) -> None:
        try:
            snapshot = next(self._ahead, None)
        except KeyboardInterrupt:
            self._say("Interrupted. Go on, or train anew.")
            return
        if snapshot:
            self._keep(snapshot)
            self._advance_soon()

    def _keep(self, snapshot: Snapshot) -> None:
        self._seen.append(snapshot)
        self._frames.append(toy_figure(snapshot, self._gan.settings))
        last = self._every * (len(self._seen) - 1)
        self._back.max, self._back.value = max(last, self._every * self._count), last
        self._look(last)

    def _look(self, step: int) -> None:
        index = step // self._every
        if index >= len(self._seen):  # not trained yet
            self._back.value = self._every * (len(self._seen) - 1)
            return
        self._picture.value = self._frames[index].data
        self._say(summarise(self._seen[index], self._gan.settings))

    def _say(self, text: str) -> None:
        self._text = text
        self._line.value = announced(text)

    def _arranged(self) -> widgets.Box:
        self._picture = widgets.Image(format="png", layout=_WIDE | {"width": "400px"})
        self._line = tagged(widgets.HTML(), "told")
        back = widgets.IntSlider(description="Look back", step=self._every, layout=_WIDE)
        self._back = watched(back, "look-back", self._look)
        acts = ("Train", self.train), ("Stop", self.stop), ("Go on", self.go_on)
        buttons = row(*(button(text, text.lower().replace(" ", "-"), act) for text, act in acts))
        help_ = note("Train begins anew with what the sliders say; Go on adds as many steps again.")
        right = column(*self._controls.values(), buttons, help_)
        left = column(self._picture, self._back, self._line)
        for side in (left, right):
            side.layout.width, side.layout.max_width = "410px", "100%"  # side by side, or below each other
        return row(left, right)


def _control(name: str, value: Any) -> Any:
    text, kind, options = _CONTROLS[name]
    if value not in options:
        known = ", ".join(map(str, options))
        raise GanlibError(f"The playground has no {name} of {value}: choose one of {known}.")
    shown = [(f"{option:g}" if isinstance(option, float) else str(option), option) for option in options]
    style = {"description_width": LABELS}
    made = kind(description=text, options=shown, value=value, layout=_WIDE, style=style)
    return watched(made, name.replace("_", "-"), lambda _: None)
