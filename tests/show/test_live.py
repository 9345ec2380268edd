import multiprocessing
import signal
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import IPython.display
import nbformat
import pytest
from nbclient import NotebookClient

import ganlib.show.live as live
from ganlib.show.live import LiveView
from ganlib.training.callbacks import Callback, ProgressBar
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.trainer import Trainer

WINS = Diagnostic("discriminator wins", "D(x) is <0.98>.", "Try d_lr=1e-4.")


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Page(HTMLParser):
    """The pictures and the text of a page."""

    def __init__(self, source):
        super().__init__()
        self.pictures, self.progress, self.words = [], None, []
        self.feed(source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.pictures.append(dict(attributes))
        if tag == "progress":
            self.progress = dict(attributes)

    def handle_data(self, data):
        if self.lasttag != "style":
            self.words.append(data)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(live, "monotonic", clock)
    return clock


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows, one after the other."""
    shown = []

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        shown.append(bundle)
        return SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))

    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def pages(shown):
    return [Page(bundle["text/html"]) for bundle in shown]


class Tick(Callback):
    """Let so many seconds pass with each step, and act at one of them."""

    def __init__(self, clock, seconds, step=0, act=None):
        self.clock, self.seconds, self.step, self.act = clock, seconds, step, act

    def on_step(self, trainer):
        self.clock.now += self.seconds
        if trainer.state.step == self.step:
            self.act(trainer)


def train(recipe, art, folder, kimg, *callbacks):
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=callbacks)
    trainer.fit(kimg=kimg)
    return trainer


@pytest.mark.usefixtures("full_length")
@pytest.mark.parametrize("seconds", [2.0, 5.0])
def test_the_page_changes_only_every_so_many_seconds_and_at_the_end(
    recipe, art, tmp_path, clock, shown, seconds
):
    trainer = train(recipe, art, tmp_path / "run", 1, LiveView(seconds), Tick(clock, 0.25))
    between = int((trainer.state.step - 1) * 0.25 / seconds)
    assert between >= 3
    assert len(shown) == 1 + between + 1
    shown.clear()
    trainer = train(recipe, art, tmp_path / "slow", 0.1, LiveView(seconds), Tick(clock, 7.0))
    assert len(shown) == 1 + (trainer.state.step - 1) + 1  # before the first step no time has passed


@pytest.mark.usefixtures("full_length")
def test_the_last_page_shows_how_far_it_came_with_curves_and_samples(recipe, art, tmp_path, clock, shown):
    trainer = train(recipe, art, tmp_path / "run", 3, LiveView(), Tick(clock, 1.0))
    first, *_, last = pages(shown)
    assert first.pictures == []
    assert "test starts on cpu" in first.text
    assert float(first.progress["value"]) == 0
    samples, curves = last.pictures
    assert samples["src"].startswith("data:image/jpeg;base64,")
    assert samples["alt"] == f"A grid of the newest samples, after {trainer.state.step} steps."
    assert curves["alt"].startswith("Two line plots over 3 kimg, loss of D")
    assert float(last.progress["value"]) == 1
    assert "100% · 3.0 kimg · " in last.text
    assert "Done at 3.0 kimg. Everything is saved" in last.text
    assert " left" not in last.text
    assert "Done at 3.0 kimg" in shown[-1]["text/plain"]
    assert "<" not in shown[-1]["text/plain"]


@pytest.mark.usefixtures("full_length")
def test_on_the_way_it_says_how_long_it_will_take(recipe, art, tmp_path, clock, shown):
    train(recipe, art, tmp_path / "run", 0.5, LiveView(), Tick(clock, 1.0))
    middle = pages(shown)[len(shown) // 2]
    assert "pictures a second: less than a minute to reach " in middle.text
    assert "left" in middle.text
    assert "loss of D " in middle.text
    assert 0 < float(middle.progress["value"]) < 1


@pytest.mark.usefixtures("full_length")
@pytest.mark.parametrize(("cost", "pause"), [(0.5, 75), (2.0, 100)])
def test_curves_are_drawn_when_they_have_grown_and_in_a_fiftieth_of_the_time(
    recipe, art, tmp_path, clock, shown, monkeypatch, cost, pause
):
    drawn = []
    draw = live._curves

    def slowly(run):
        drawn.append(clock.now)
        clock.now += cost
        return draw(run)

    monkeypatch.setattr(live, "_curves", slowly)
    rows = train(recipe, art, tmp_path / "run", 4, LiveView(), Tick(clock, 1.0)).run.log()
    first, *between, last = drawn
    assert first == 100.0
    assert 3 <= len(between) + 1 <= len(rows)
    assert all(pause <= later - earlier < pause + 6 for earlier, later in pairwise(between))
    assert last > between[-1]


@pytest.mark.usefixtures("full_length")
def test_a_warning_is_shown_once_with_its_advice_and_without_its_markup(recipe, art, tmp_path, clock, shown):
    view = LiveView()
    twice = Tick(clock, 1.0, 5, lambda trainer: [view.on_warning(trainer, WINS) for _ in range(2)])
    train(recipe, art, tmp_path / "run", 0.5, view, twice)
    page = pages(shown)[-1]
    assert page.text.count("discriminator wins : D(x) is <0.98>. Try d_lr=1e-4.") == 1
    assert "<0.98>" not in shown[-1]["text/html"]


@pytest.mark.usefixtures("full_length")
def test_after_the_stop_button_it_says_how_to_go_on_and_goes_on_at_the_same_step(
    recipe, art, tmp_path, clock, shown
):
    stop = Tick(clock, 1.0, 20, lambda _: signal.raise_signal(signal.SIGINT))
    stopped = train(recipe, art, tmp_path / "run", 1.2, LiveView(), stop)
    assert "Interrupted at 0.3 kimg. Everything is saved: run this cell again" in pages(shown)[-1].text
    count = len(shown)
    again = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[LiveView()])
    assert again.state.step == stopped.state.step == 20
    again.fit(kimg=1.2)
    page = pages(shown)[count]
    assert "test continues at 0.3 kimg" in page.text


@pytest.mark.usefixtures("full_length")
def test_samples_that_were_moved_away_do_not_end_the_training(recipe, art, tmp_path, clock, shown):
    def move(trainer):
        for sample in trainer.run.samples():
            sample.rename(tmp_path / sample.name)

    view = LiveView()
    trainer = train(recipe, art, tmp_path / "run", 0.2, Tick(clock, 3.0, 1, move), view)
    assert trainer.clock.spent() == 1
    assert len(pages(shown)[-1].pictures) == 1


@pytest.mark.usefixtures("full_length")
def test_after_an_error_it_says_that_training_has_ended(recipe, art, tmp_path, clock, shown, monkeypatch):
    trainer = Trainer(recipe, art, tmp_path / "run", device="cpu", callbacks=[LiveView()])
    monkeypatch.setattr(trainer, "_step", lambda: (_ for _ in ()).throw(ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        trainer.fit(kimg=1)
    assert "Ended by an error at 0.0 kimg; what was saved last is safe." in shown[-1]["text/html"]


@pytest.mark.usefixtures("full_length")
def test_outside_a_notebook_it_is_the_progress_bar(recipe, art, tmp_path, capsys):
    view = LiveView()
    tell = Tick(Clock(), 0.0, 5, lambda trainer: view.on_warning(trainer, WINS))
    train(recipe, art, tmp_path / "run", 0.2, view, tell)
    told, bar = capsys.readouterr()
    assert "test starts on cpu" in told
    assert "discriminator wins: D(x) is <0.98>. Try d_lr=1e-4." in told
    assert "100%" in bar


def test_in_a_process_that_a_notebook_has_forked_it_is_the_progress_bar(monkeypatch):
    kernel = SimpleNamespace(kernel=None)
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: kernel)
    assert not isinstance(LiveView()._view, ProgressBar)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: kernel)
    assert isinstance(LiveView()._view, ProgressBar)


CODE = """
import ganlib
recipe = ganlib.Recipe("test", width=2, batch_size=8)
trainer = ganlib.Trainer(recipe, "portraits", {folder!r}, device="cpu", callbacks=[ganlib.LiveView()])
_ = trainer.fit(kimg=0.05)
"""


def test_a_notebook_keeps_the_last_page_and_no_widgets(tmp_path):
    cell = nbformat.v4.new_code_cell(CODE.format(folder=str(tmp_path / "run")))
    page = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(page, timeout=120, kernel_name="python3").execute()
    (output,) = page.cells[0].outputs
    assert output.output_type == "display_data"
    assert "Done at 0.0 kimg" in output.data["text/html"]
    assert "Done at 0.0 kimg" in output.data["text/plain"]
    assert set(output.data) == {"text/html", "text/plain"}
    assert "widgets" not in page.metadata
