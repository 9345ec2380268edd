"""Notebook 09: failures are named, mends silent, its loop is the Trainer's, a hint fits its mistake."""

import math
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState

import ganlib
from ganlib.recipes.schedule import Schedule
from tests.notebooks.lesson import cells_of, names_of, said_of

CELLS = {name: cell.source for name, cell in cells_of("09_when_training_fails").items()}
WITHOUT_THE_RUNS = ("setup", "tools", "turns", "measures", "play", "drawing")
HELPERS = ("setup", "tools", "numbers", "watch", "reading-a-log", "drawing-a-run")


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's definitions make; nbval runs the whole of it."""
    return names_of(CELLS[name] for name in WITHOUT_THE_RUNS)


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"fakes": "fresh"},
        {"d_steps": 3},
        {"g_steps": 3},
        {"d_steps": 2, "g_steps": 2, "fakes": "fresh"},
        {"steps_in": "epochs"},
        {"steps_in": "epochs", "d_norm": "spectral", "real_labels": (0.9, 1.0)},
    ],
    ids=str,
)
def test_the_loop_trains_as_the_trainer_does(lesson, recipe, art, tmp_path, monkeypatch, schedule):
    monkeypatch.delenv("GANLIB_TINY", raising=False)
    recipe = replace(recipe, batch_size=24, seed=3, **schedule)
    game = lesson["play"](recipe, art, epochs=3, device="cpu")
    trainer = ganlib.Trainer(recipe, art, run=tmp_path / "run", device="cpu", callbacks=[])
    trainer.fit(epochs=3)
    assert len(game.rows) == trainer.state.step
    for ours, theirs in (
        (game.generator, trainer.state.generator),
        (game.discriminator, trainer.state.discriminator),
    ):
        pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_row_is_none_where_nothing_was_played(lesson, recipe, art):
    rows = lesson["play"](replace(recipe, d_steps=2, g_steps=3), art, epochs=2, device="cpu").rows
    for step, row in enumerate(rows):
        turn = Schedule(2, 3).turn(step)
        assert [row[name] is not None for name in ("d_loss", "real", "fake")] == [turn.discriminator] * 3
        assert [row[name] is not None for name in ("g_loss", "gradient")] == [turn.generator] * 2


def test_variety_is_the_mean_distance_of_two_pictures_a_pixel(lesson):
    assert lesson["variety"](torch.ones(5, 3, 8, 8)) == 0
    two = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 0.5)])
    assert lesson["variety"](two) == pytest.approx(0.5)
    three = torch.cat([two, two[:1]])
    assert lesson["variety"](three) == pytest.approx(2 * 0.5 / 3)


def test_the_gradient_is_measured_as_one_vector(lesson):
    net = torch.nn.Linear(2, 1)
    (net(torch.tensor([[3.0, 4.0]]))).sum().backward()
    assert lesson["size_of_gradient"](net) == pytest.approx(math.sqrt(3**2 + 4**2 + 1))


def test_the_turns_of_g_are_found(lesson):
    rows = [{"d_loss": None if alone else 1.0} for alone in (0, 0, 1, 1, 0, 1, 0)]
    assert lesson["turns_of_g"](rows) == [(2, 3), (5, 5)]
    assert lesson["turns_of_g"]([{"d_loss": None}]) == [(0, 0)]
    assert lesson["turns_of_g"]([{"d_loss": 1.0}]) == []


def test_a_mean_passes_over_what_was_not_played(lesson):
    rows = [{"loss": value} for value in (1.0, None, 3.0, None, None, None)]
    means = lesson["smooth"](rows, "loss", window=3)
    assert means[0] == 2
    assert math.isnan(means[1])


@pytest.fixture(scope="module")
def said():
    """What the check of an exercise prints about an answer."""
    names = names_of(CELLS[name] for name in ("setup", "tools", "numbers"))
    return lambda name, answer: said_of(names, CELLS, name, answer)


def nearest(line, pictures="avg_pool2d(pictures, 2)"):
    distances = f"    small = {pictures}.flatten(1)\n    distances = torch.cdist(small, small)\n"
    return f"def nearest_other(pictures):\n{distances}    return {line}\n"


OF_MEANS = "my_diversity = lambda a, b: nearest_other(a).mean() / nearest_other(b).mean()\n"
BETWEEN = "my_diversity = lambda a, b: nearest_other(a).quantile(0.5) / nearest_other(b).quantile(0.5)\n"
UPSIDE_DOWN = "my_diversity = lambda a, b: nearest_other(b).median() / nearest_other(a).median()\n"
PLAY = "def round_of_the_game(x, y, rate):\n"
TURN = "def my_turn(step, d_steps, g_steps):\n    place = step % (d_steps + g_steps - 1)\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("diversity", nearest("distances.sort(1).values[:, 1]"), "Right"),
        ("diversity", nearest("distances.sort(1).values[:, 1]") + BETWEEN, "Right"),
        ("diversity", nearest("distances.fill_diagonal_(0).amin(1)"), "out of reach"),
        ("diversity", nearest("distances.sort(1).values[:, 1]") + UPSIDE_DOWN, "upside down"),
        ("diversity", nearest("distances.sum(1) / 35") + OF_MEANS, "mean distance of all pairs"),
        ("diversity", nearest("distances.sort(1).values[:, 1]", "pictures"), "at 16 px"),
        ("diversity", "my_diversity = lambda a, b: None", "stopped with TypeError"),
        ("circle", PLAY + "    y = y + rate * x\n    return x - rate * y, y", "Right"),
        ("circle", PLAY + "    x = x - rate * y\n    return x, y - rate * x", "goes up"),
        ("circle", PLAY + "    x = x + rate * y\n    return x, y + rate * x", "goes down"),
        ("circle", PLAY + "    return 0.9 * (x - rate * y), 0.9 * (y + rate * x)", "inwards"),
        ("circle", PLAY + "    return 2 * (x - rate * y), 2 * (y + rate * x)", "flies away"),
        ("circle", PLAY + "    return x, y", "a step is eta long"),
        ("circle", PLAY + "    return x", "stopped with TypeError"),
        ("strangers", "diagnosis = {'A': 'collapse'}", "the names are"),
        ("strangers", "diagnosis = dict.fromkeys('ABCDE', 'generator collapses')", "log B"),
        ("strangers", "diagnosis = None", "a name for each letter"),
        ("turn", TURN + "    return [place < d_steps, not place < d_steps - 1]", "Right"),
        ("turn", TURN + "    return place < d_steps, place >= d_steps", "played by both"),
        ("turn", TURN + "    return (place < d_steps,)", "two answers"),
        ("turn", "def my_turn(step, d_steps, g_steps):\n    return None", "stopped with TypeError"),
    ],
)
def test_an_answer_gets_the_hint_that_it_needs(said, name, answer, hint):
    told = said(name, answer)
    assert hint in told
    assert told.startswith("Right" if hint == "Right" else "Not yet: ")


def test_the_games_of_two_go_round_as_the_page_says(said):
    assert "at 145 after" in said("circle", "")
    assert math.sqrt(1 + 0.1**2) ** 1000 == pytest.approx(145, abs=0.5)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """The names of the notebook's first half, its runs in full length and in a folder of their own."""
    AcceleratorState._reset_state(reset_partial_state=True)  # the tests above train on a CPU
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GANLIB_TINY", raising=False)
        patch.chdir(tmp_path_factory.mktemp("lesson"))
        yield names_of(CELLS[name] for name in HELPERS)


def warned(run):
    return [warning["name"] for row in run.log() for warning in row["warnings"]]


@pytest.mark.parametrize(
    ("cells", "broken", "mended", "name"),
    [
        (("wins-broken", "wins-mend"), "wins", "fair", "discriminator wins"),
        (("collapse-broken", "collapse-mend"), "collapse", "varied", "generator collapses"),
        (("swing-broken", "swing-mend"), "swing", "short", "oscillation"),
        (("best-broken", "best-mend"), "past", "augmented", "past its best"),
        (("nothing-broken", "nothing-mend"), "nothing", "learnt", "nothing learnt"),
    ],
    ids=["wins", "collapse", "swing", "best", "nothing"],
)
def test_the_diagnostics_name_exactly_this_failure_and_is_silent_once_it_is_mended(
    watched, cells, broken, mended, name
):
    names = dict(watched)
    for cell in cells:
        exec(CELLS[cell], names)
    assert warned(names[broken]) == [name]
    assert warned(names[mended]) == []
    scores = [[row["score"] for row in names[run].log() if row["score"]] for run in (broken, mended)]
    assert scores[1][-1] < 0.8 * scores[0][-1]
    if name == "past its best":
        assert scores[0][-1] > 1.3 * min(scores[0])
        assert names[broken].best_file.exists()


def test_the_healthy_run_is_silent_and_gets_better_and_better(watched):
    names = dict(watched)
    exec(CELLS["healthy"], names)
    rows = names["well"].log()
    assert warned(names["well"]) == []
    scores = [row["score"] for row in rows if row["score"]]
    assert scores == sorted(scores, reverse=True)
    assert 0.7 < rows[-1]["diversity"] < 1.3


def test_a_rate_without_its_minus_is_halved_three_times_and_an_accident_is_survived(watched, capsys):
    names = dict(watched)
    exec(CELLS["nan-broken"], names)
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("training diverged: In step") == 3
    assert "stopped: Training diverged once more" in told
    exec(CELLS["nan-accident"], names)
    assert capsys.readouterr().out.count("training diverged") == 1
    assert names["survived"].log()[-1]["kimg"] == pytest.approx(4, abs=0.05)
