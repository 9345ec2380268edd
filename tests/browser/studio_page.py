"""A studio in a browser, as a person has it: what can be seen of it, and what can be done to it."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import ConsoleMessage, Error, Locator, Page

T = TypeVar("T")

_SCRIPTS = Path(__file__).with_name("scripts")
_PATIENCE = 90  # seconds; only a page that hangs ever takes them
_POLL = 20  # milliseconds
_POLLS_A_TRY = 100
_TRIES = 5
_NOT_OURS = re.compile(r"NotFoundError: Failed to execute 'removeChild'.*/static/lab/jlab_core", re.DOTALL)
_HAS_KERNEL = 'window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle"'
_COMMAND = "([name, options]) => { jupyterapp.commands.execute(name, options); }"
_SAVE = "async () => { await jupyterapp.shell.currentWidget.context.save(); }"
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


class StudioPage:
    """The page with a studio on it."""

    def __init__(self, page: Page) -> None:
        """Listen for everything that goes wrong in `page`."""
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_error(self, error: Error) -> None:
        """JupyterLab itself now and then takes a node away twice: that is none of ours."""
        text = error.stack or str(error)
        if not _NOT_OURS.search(text) or "ganlib" in text:
            self.errors.append(text)

    def part(self, handle: str) -> Locator:
        """What has the class `ganlib-HANDLE`."""
        return self.page.locator(f".ganlib-{handle}")

    def ask(self, handle: str, script: str, *arguments: object) -> Any:
        """What one of the scripts beside this file says of a part."""
        source = (_SCRIPTS / f"{script}.js").read_text(encoding="utf-8")
        return self.part(handle).evaluate(source, list(arguments))

    def status(self) -> str:
        """The line that says what is shown."""
        return self.part("status").inner_text()

    def message(self) -> str:
        """The line below it."""
        return self.part("message").inner_text()

    def pixels(self, handle: str = "picture") -> str:
        """What a picture shows: equal for equal pixels."""
        return str(self.ask(handle, "pixels"))

    def until(self, read: Callable[[], T], is_so: Callable[[T], bool]) -> T:
        """What is read once it is as it should be."""
        end = time.monotonic() + _PATIENCE
        while not is_so(found := read()):
            assert time.monotonic() < end, f"waited in vain; last: {str(found)[-300:]}"
            self.page.wait_for_timeout(_POLL)
        return found

    def until_shown(self, words: str) -> str:
        """The pixels, once the status ends in these words and what came with it is drawn."""
        self.until(self.status, lambda status: status.endswith(words))
        self.page.evaluate(_DRAWN)
        return self.pixels()

    def until_said(self, words: str) -> str:
        """The message, once it begins with these words."""
        return self.until(self.message, lambda message: message.startswith(words))

    def click(self, handle: str) -> None:
        """Click a button."""
        self.part(handle).click()

    def open(self, view: str) -> None:
        """Open a panel by the words on its button."""
        self.part("views").get_by_role("button", name=view, exact=True).click()
        self.part(f"panel-{view.lower().replace(' ', '-')}").wait_for()

    def write(self, handle: str, text: str) -> None:
        """Type into a line, and leave it by Enter."""
        self.part(handle).locator("input").fill(text)
        self.part(handle).locator("input").press("Enter")

    def go_to_seed(self, seed: int) -> None:
        """Type a seed; once more where the studio was about to write into that line itself."""
        for _ in range(_TRIES):
            self.write("seed", str(seed))
            for _ in range(_POLLS_A_TRY):
                if self.status().endswith(f": seed {seed}"):
                    return
                self.page.wait_for_timeout(_POLL)
        raise AssertionError(f"seed {seed} is never shown; last: {self.status()}")

    def upload(self, path: Path) -> None:
        """Choose a file with the button for that."""
        with self.page.expect_file_chooser() as chooser:
            self.click("upload")
        chooser.value.set_files(path)

    def knob(self, slider: str) -> Locator:
        """The part of a slider that is dragged, or focused."""
        return self.part(slider).locator(".noUi-handle")

    def value(self, slider: str) -> str:
        """The number beside a slider."""
        return self.part(slider).locator(".widget-readout").inner_text()

    def press(self, slider: str, key: str) -> None:
        """Press a key with the focus on a slider."""
        self.knob(slider).press(key)

    def grab(self, slider: str) -> tuple[float, float]:
        """Press the mouse button on a slider's knob, and return where that is."""
        self.knob(slider).scroll_into_view_if_needed()
        box = self.knob(slider).bounding_box()
        assert box, f"{slider} cannot be seen"
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(*place)
        self.page.mouse.down()
        return place

    def drag(self, slider: str, by: float) -> None:
        """Drag a slider's knob by so many pixels."""
        x, y = self.grab(slider)
        self.page.mouse.move(x + by, y, steps=8)
        self.page.mouse.up()

    def count_pictures(self) -> None:
        """Begin to count how often the picture is replaced."""
        self.ask("picture", "count_pictures")

    def pictures(self) -> int:
        """How often it was replaced since."""
        return int(self.page.evaluate("window.ganlibPictures"))

    def seconds_to_picture(self, slider: str, moves: int) -> list[float]:
        """How long it takes from each of so many key presses until the new picture is decoded."""
        self.ask("picture", "time_pictures")
        for move in range(moves):
            self.press(slider, "ArrowLeft" if move % 2 else "ArrowRight")
            self.page.wait_for_function(f"window.ganlibTimes.length > {move}")
        return [milliseconds / 1000 for milliseconds in self.page.evaluate("window.ganlibTimes")]

    def screenshot(self, path: Path) -> None:
        """What can be seen of the page, with the studio at its top."""
        self.part("studio").evaluate("studio => studio.scrollIntoView()")
        self.page.evaluate(_DRAWN)
        self.page.screenshot(path=path)


class LabPage(StudioPage):
    """A notebook in JupyterLab with a studio in one of its cells."""

    def visit(self, address: str) -> None:
        """Open a notebook by its address, and wait for its kernel."""
        self.page.goto(address, wait_until="domcontentloaded")
        self.page.locator(".jp-Notebook").wait_for(timeout=_PATIENCE * 1000)
        self.page.wait_for_function(_HAS_KERNEL, timeout=_PATIENCE * 1000)

    def command(self, name: str, **options: object) -> None:
        """Let JupyterLab do something by the name it has for that."""
        self.page.evaluate(_COMMAND, [name, options])

    def run_all(self) -> None:
        """Run all cells, and wait for the studio."""
        self.command("notebook:run-all-cells")
        self.until_shown(": seed 0")

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate(_SAVE)

    def wear(self, theme: str) -> None:
        """Change JupyterLab's theme to "Light" or "Dark"."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        is_light = "true" if theme == "Light" else "false"
        self.page.locator(f'body[data-jp-theme-light="{is_light}"]').wait_for(state="attached")
