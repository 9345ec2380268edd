"""Sliders for the game in the plane, which is drawn while it is played."""

from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from importlib.util import find_spec
from typing import Any

from ganlib.course.toy import SHAPES, TOY_LOSSES, Moment, ToyGAN, ToySettings, plane_figure, tell
from ganlib.errors import GanlibError
from ganlib.show.figure import Figure, widgets_or_still
from ganlib.studio.widgets import Debounce

_RATES = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
_LATENTS = (1, 2, 4, 8, 16, 64)
_TURNS = tuple(range(1, 11))
_SEEDS = tuple(range(10))
_MOST_MOMENTS = 100
_BETWEEN_MESSAGES = 0.02  # seconds in which a kernel reads what waits to be read: Stop, for one


class Playground:
    """Play the game in the plane with settings of your own, and watch points and verdict move.

    In a notebook it is a page of widgets (ipywidgets 7.7 or 8); where there is no kernel, a still picture.
    """

    def __init__(self, settings: ToySettings | None = None, every: int = 50, moments: int = 48) -> None:
        """Begin with these settings; a training is `moments` times `every` steps, each of them drawn.

        Raises:
            GanlibError: the settings cannot be played or lie beside the sliders, there are not 1 to 100
                moments of 1 step or more, or ipywidgets is missing.
        """
        if find_spec("ipywidgets") is None:
            raise GanlibError("The playground is made of widgets: type pip install ipywidgets, and restart.")
        if every < 1 or not 1 <= moments <= _MOST_MOMENTS:
            raise GanlibError(
                f"{moments} moments of {every} steps cannot be drawn: ask for 1 to {_MOST_MOMENTS} moments, "
                "and for 1 step or more in each."
            )
        settings = settings or ToySettings()
        self._every, self._moments = every, moments
        self._controls = _controls(settings)
        self._later = Debounce(self._advance, _BETWEEN_MESSAGES)
        self._ahead: Iterator[Moment] = iter(())
        self._box = self._arranged()
        self._begin(settings)

    @property
    def settings(self) -> ToySettings:
        """What the sliders say; the next training takes it."""
        return ToySettings(**{name: control.value for name, control in self._controls.items()})

    @property
    def moments(self) -> list[Moment]:
        """What has been seen of the game, from the first step to the last."""
        return list(self._seen)

    def train(self) -> None:
        """Begin anew with what the sliders say."""
        self._begin(self.settings)
        self.go_on()

    def go_on(self) -> None:
        """Play on, with the settings that this game began with."""
        self._ahead = self._game.watch(self._every, self._moments)
        self._later.ask()

    def stop(self) -> None:
        """Play no further; the game can go on later."""
        self._ahead = iter(())

    def _begin(self, settings: ToySettings) -> None:
        self._game = ToyGAN(settings)
        self.stop()
        self._seen: list[Moment] = []
        self._frames: list[Figure] = []
        self._keep(self._game.moment())

    def _advance(self) -> None:
        try:
            moment = next(self._ahead, None)
        except KeyboardInterrupt:
            self._say("Interrupted. Go on, or train anew.")
            return
        if moment:
            self._keep(moment)
            self._later.ask()

    def _keep(self, moment: Moment) -> None:
        self._seen.append(moment)
        self._frames.append(plane_figure(moment, self._game.settings))
        last = self._every * (len(self._seen) - 1)
        self._back.max = max(last, self._every * self._moments)
        self._back.value = last
        self._look(last)

    def _look(self, step: int) -> None:
        place = step // self._every
        if place >= len(self._seen):  # not played yet
            self._back.value = self._every * (len(self._seen) - 1)
            return
        self._picture.value = self._frames[place].data
        self._say(tell(self._seen[place], self._game.settings))

    def _say(self, text: str) -> None:
        self._text = text
        self._line.value = f'<p role="status" aria-live="polite">{escape(text)}</p>'

    def _arranged(self) -> Any:
        import ipywidgets as widgets

        from ganlib.studio.widgets import button, column, note, row, watched

        self._picture = widgets.Image(format="png", layout=_wide("400px"))
        self._line = widgets.HTML()
        self._line.add_class("ganlib-told")
        last = self._every * self._moments
        back = widgets.IntSlider(description="Look back", max=last, step=self._every, layout=_wide())
        self._back = watched(back, "look-back", self._look)
        buttons = [
            button("Train", "train", self.train),
            button("Stop", "stop", self.stop),
            button("Go on", "go-on", self.go_on),
        ]
        right = column(
            *self._controls.values(),
            row(*buttons),
            note("Train begins anew with what the sliders say; Go on adds as many steps again."),
        )
        left = column(self._picture, self._back, self._line)
        for side in (left, right):
            side.layout.width, side.layout.max_width = "410px", "100%"  # side by side, or below each other
        return row(left, right)

    def __repr__(self) -> str:
        """What the line below the picture says."""
        return self._text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return widgets_or_still(self._box, self._frames[-1], repr(self))


def _controls(settings: ToySettings) -> dict[str, Any]:
    """One widget for each of the settings, by its name."""
    import ipywidgets as widgets

    lists, sliders = widgets.Dropdown, widgets.SelectionSlider
    parts = {
        "shape": ("Real points", lists, tuple(SHAPES)),
        "loss": ("Loss", lists, TOY_LOSSES),
        "g_lr": ("G's learning rate", sliders, _RATES),
        "d_lr": ("D's learning rate", sliders, _RATES),
        "g_steps": ("G's steps a turn", sliders, _TURNS),
        "d_steps": ("D's steps a turn", sliders, _TURNS),
        "latent_dim": ("Numbers in z", sliders, _LATENTS),
        "seed": ("Seed", sliders, _SEEDS),
    }
    chosen = asdict(settings)
    for name, (_, _, options) in parts.items():
        if chosen[name] not in options:
            raise GanlibError(
                f"The playground has no {name} of {chosen[name]}: "
                f"choose one of {', '.join(map(str, options))}."
            )
    return {name: _control(name, *part, chosen[name]) for name, part in parts.items()}


def _control(name: str, text: str, kind: Any, options: tuple[Any, ...], value: Any) -> Any:
    from ganlib.studio.widgets import LABELS

    shown = [(f"{option:g}" if isinstance(option, float) else str(option), option) for option in options]
    made = kind(
        description=text,
        options=shown,
        value=value,
        layout=_wide(),
        style={"description_width": LABELS},
    )
    made.add_class(f"ganlib-{name.replace('_', '-')}")
    return made


def _wide(width: str = "360px") -> Any:
    import ipywidgets as widgets

    return widgets.Layout(width=width, max_width="100%")
