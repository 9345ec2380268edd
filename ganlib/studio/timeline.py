"""The panel for a timeline: keyframes in turn, each with its seconds and easing, a preview, and films."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import torch

from ganlib.latent.audio import driven, read_sound
from ganlib.latent.timeline import EASINGS, Keyframe, write_timeline
from ganlib.studio.context import Panel
from ganlib.studio.files import linked, new_file
from ganlib.studio.widgets import Tiles, chooser, column, control, line, note, row, tagged

_IN_A_ROW = 6
_KINDS = [("MP4", ".mp4"), ("GIF", ".gif"), ("numbered PNGs", "")]
_RATES = (24, 25, 30, 60)
_WIDTHS = (256, 512, 768, 1024)
_GIF_RATE = 20


class TimelinePanel(Panel):
    """Keyframes that can be put in order, a slider that scrubs through them, and buttons that film them."""

    title = "Timeline"

    def _build(self) -> widgets.Box:
        self._chosen = 0
        self._drawn: list[int] = []
        self.tiles = Tiles("keyframe", _IN_A_ROW, self._choose)
        seconds = {"value": Keyframe.seconds, "min": 0.1, "max": 60.0, "step": 0.1}
        self.seconds = control(
            widgets.BoundedFloatText, "Seconds", "keyframe-seconds", {"width": "128px"}, **seconds
        )
        self.easing = chooser("then", "easing", list(EASINGS), lambda easing: self._change(easing=easing))
        self.seconds.observe(lambda change: self._change(seconds=change["new"]), "value")
        self.loop = control(
            widgets.Checkbox, "loop", "timeline-loop", {"width": "auto"}, value=True, indent=False
        )
        self.loop.observe(lambda change: setattr(self._state, "loop", change["new"]), "value")
        self.moment = self._slider("Preview", "moment", (0.0, 1.0), 0.01, self._share, self._preview)
        add = self._button("Add this picture", "add-keyframe", lambda: self._add(self._state.z))
        every = self._button("Add the favourites", "add-favourites", self._add_favourites)
        earlier = self._button("Earlier", "earlier", partial(self._shift, -1))
        later = self._button("Later", "later", partial(self._shift, 1))
        remove = self._button("Remove", "remove-keyframe", self._remove)
        self.details = column(row(self.seconds, self.easing), row(earlier, later, remove))
        help_ = note("Pictures that a film visits in turn. Click one to see it and to change how it goes on.")
        return column(
            help_, row(add, every), self.tiles.box, self.details, self.loop, self.moment.widget, *self._film()
        )

    def _film(self) -> list[widgets.Widget]:
        """The widgets for a film."""
        self.kind = chooser("Film", "timeline-kind", _KINDS)
        self.rate = chooser("frames a second", "timeline-rate", _RATES)
        self.width = chooser("px wide", "timeline-width", _WIDTHS)
        self.width.value, self.rate.value = 512, 30
        self.audio = line("Sound", "timeline-audio", hint="song.mp3, on the kernel's machine, or none")
        self.link = tagged(widgets.HTML(), "timeline-link")
        save = self._button("Save film", "save-timeline-film", self._save_film)
        keep = self._button("Save timeline", "save-timeline", self._save_timeline)
        return [row(self.kind, self.rate, self.width), row(self.audio), row(save, keep), self.link]

    def show(self) -> None:
        """Show the keyframes, and the settings of the one that is chosen."""
        frames = self._state.keyframes
        self._chosen = min(self._chosen, max(len(frames) - 1, 0))
        self.details.layout.display = "" if frames else "none"
        self.moment.widget.layout.display = "" if len(frames) > 1 else "none"
        if frames:
            self.seconds.value, self.easing.value = frames[self._chosen].seconds, frames[self._chosen].easing
        self.moment.show()
        if self._drawn != (drawn := [id(frame.z) for frame in frames]):
            self._drawn = drawn
            points = torch.stack([frame.z for frame in frames]) if frames else None
            sheet = b"" if points is None else self._renderer.thumbnails(points, _IN_A_ROW)
            self.tiles.show(sheet, [f"keyframe {k + 1}" for k in range(len(frames))])

    def _add(self, *points: torch.Tensor) -> None:
        self._state.add_keyframes(*points)
        self._chosen = len(self._state.keyframes) - 1

    def _add_favourites(self) -> None:
        self._add(*self._state.pinned())

    def _choose(self, index: int) -> None:
        self._chosen = index
        z = self._state.keyframes[index].z
        self._context.act(lambda: self._state.go_to(z, f"keyframe {index + 1}"))

    def _change(self, **changes: float | str) -> None:
        def change() -> None:
            frames = self._state.keyframes
            frames[self._chosen] = replace(frames[self._chosen], **changes)  # type: ignore[arg-type]

        if self._state.keyframes:
            self._context.act(change)

    def _shift(self, by: int) -> None:
        if self._state.keyframes:
            self._chosen = self._state.shift_keyframe(self._chosen, by)

    def _remove(self) -> None:
        if self._state.keyframes:
            del self._state.keyframes[self._chosen]

    def _share(self) -> float:
        moment, frames = self._state.current.moment, self._state.keyframes
        return 0.0 if moment is None or len(frames) < 2 else round(moment / self._state.timeline().seconds, 2)  # noqa: PLR2004

    def _preview(self, share: float) -> None:
        self._state.preview(share * self._state.timeline().seconds)

    def _save_film(self) -> str:
        timeline, ending = self._state.timeline(), self.kind.value
        rate = _GIF_RATE if ending == ".gif" else self.rate.value
        heard = self.audio.value.strip()
        sound = read_sound(heard) if heard else None
        seconds = sound.seconds if sound else timeline.seconds
        frames = max(len(timeline.keyframes), round(rate * seconds))
        z = driven(timeline, sound, rate) if sound else timeline.frames(frames)
        path = new_file(self._renderer.folder, "timeline", ending)
        self._context.film(z, path, seconds, self.width.value, heard or None)
        return self._saved(path)

    def _save_timeline(self) -> str:
        path = new_file(self._renderer.folder, "timeline", ".json")
        return self._saved(write_timeline(self._state.timeline(), self._renderer.generator, path))

    def _saved(self, path: Path) -> str:
        self.link.value = linked(path) if path.is_file() else ""
        return f"Saved as {path}."
