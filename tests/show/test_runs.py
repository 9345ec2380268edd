import json
import os

import numpy as np
import pytest
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.runs import compare, find_run, find_runs, runs_table, show_run


def warning(name):
    return {"name": name, "seen": "This.", "advice": "Try that."}


@pytest.fixture
def make(tmp_path, recipe, monkeypatch):
    """Write a run of so many rows below `runs`; its last row was written at that second."""
    monkeypatch.chdir(tmp_path)

    def make(name, rows=4, second=0, reds=200, **columns):
        run = Run(tmp_path / "runs" / name)
        run.start(recipe)
        for index in range(rows):
            row = {"step": 10 * index, "kimg": index + 1.0, "seconds": 90.0 * (index + 1)}
            row |= {"d_loss": 1.0 + index, "g_loss": 2.0, "real_probability": 0.6, "fake_probability": 0.4}
            run.append_log(row | {column: values[index] for column, values in columns.items()})
        Image.new("RGB", (40, 40)).save(run.sample_file(9))
        Image.new("RGB", (40, 40), (reds, 0, 0)).save(run.sample_file(10))
        for file in run.folder.glob("*.*"):
            os.utime(file, (second, second))
        return run

    return make


def lines(folder):
    return runs_table(find_runs(folder)).split("\n")


def test_a_run_is_a_line_and_the_newest_stands_last(make):
    make("old", rows=2, second=1, score=[0.5, None], warnings=[[warning("oscillation")], []])
    told = [[warning("oscillation")], [], [warning("discriminator wins"), warning("nothing learnt")], []]
    make("a/b/new", second=3, score=[0.25, None, 0.125, 0.5], warnings=told)
    make("middle", rows=0, second=2)
    assert [line.split() for line in lines("runs")] == [
        ["run", "recipe", "kimg", "minutes", "last", "warning", "best", "score"],
        ["old", "test", "2.0", "3.0", "oscillation", "0.5000"],
        ["middle", "test", "0.0", "0.0", "-", "-"],
        ["a/b/new", "test", "4.0", "6.0", "nothing", "learnt", "0.1250"],
    ]


def test_columns_stand_below_each_other(make):
    make("x")
    make("a_much_longer_name", second=1)
    heading, *rows = lines("runs")
    assert {row.index("test") for row in rows} == {heading.index("recipe")}


def test_an_older_log_without_score_and_warnings_is_listed(make):
    make("old")
    assert lines("runs")[1].split() == ["old", "test", "4.0", "6.0", "-", "-"]


def test_a_folder_that_is_a_run_is_listed_by_its_own_name(make, monkeypatch):
    run = make("alone")
    assert lines(run.folder)[1].startswith("alone ")
    monkeypatch.chdir(run.folder)
    assert lines(".")[1].startswith("alone ")


def test_runs_lie_up_to_three_levels_deep_and_not_in_each_other(make):
    make("1/2/3")
    make("1/2/too/deep")
    make("outer", second=1)
    make("outer/inside")
    assert [summary.name for summary in find_runs("runs")] == ["1/2/3", "outer"]


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("recipe.json", "{", "recipe.json' is damaged"),
        ("recipe.json", "[]", "recipe"),
        ("log.jsonl", "{}\nno row\n{}\n", "log.jsonl' is damaged"),
        ("log.jsonl", '{"step": 1}\n', "damaged in line 1"),
        ("log.jsonl", '{"step": 1, "kimg": "much", "seconds": 1}\n', "damaged in line 1"),
        ("log.jsonl", '{"step": 1, "kimg": 1, "seconds": 1, "warnings": [{}]}\n', "damaged in line 1"),
        ("log.jsonl", '{"step": 1, "kimg": 1, "seconds": 1, "score": []}\n', "damaged in line 1"),
    ],
)
def test_a_damaged_run_is_listed_with_what_is_wrong(make, file, content, words):
    broken = make("broken", second=1)
    make("sound", second=2)
    (broken.folder / file).write_text(content)
    _, sound, problem = lines("runs")
    assert sound.startswith("sound ")
    assert problem.startswith("broken: ")
    assert words in problem


def test_where_there_is_nothing_a_sentence_says_so(make, tmp_path):
    (tmp_path / "runs").mkdir()
    assert lines("runs") == [
        "There are no runs yet: 'python -m ganlib train auto --run runs/first' begins one."
    ]
    with pytest.raises(GanlibError, match="There is no folder 'nowhere'"):
        find_runs("nowhere")


def test_a_run_is_named_by_its_folder_or_below_runs(make, tmp_path):
    run = make("first")
    assert find_run(run.folder).folder == run.folder
    assert find_run("first").folder.resolve() == run.folder
    assert find_run("runs/first").folder.resolve() == run.folder
    with pytest.raises(GanlibError, match="There is no run 'second'"):
        find_run("second")


def shown(figure):
    return np.asarray(figure.image().convert("RGB")).astype(int)


def share(picture, colour):
    return (np.abs(picture - colour).sum(2) < 20).mean()


def test_a_comparison_draws_both_curves_and_both_grids(make):
    figure = compare([make("first", reds=100), make("second", rows=3, reds=200)])
    picture = shown(figure)
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert share(picture, colour) > 0.001
    half = picture.shape[1] // 2
    left, right = picture[:, :half], picture[:, half:]
    assert share(left, (100, 0, 0)) > 0.3 > 0.01 > share(left, (200, 0, 0))
    assert share(right, (200, 0, 0)) > 0.3 > 0.01 > share(right, (100, 0, 0))
    assert "of 2 runs: first, 4 kimg, loss of D 4.00, loss of G 2.00, D(x) 0.60, D(G(z)) 0.40;" in figure.alt
    assert "second, 3 kimg, loss of D 3.00" in figure.alt


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that are encoded."""
    from ganlib.show.figure import Figure

    canvases = []
    encode = Figure.from_canvas.__func__

    def keep(cls, canvas, *rest, **settings):
        canvases.append(canvas)
        return encode(cls, canvas, *rest, **settings)

    monkeypatch.setattr(Figure, "from_canvas", classmethod(keep))
    return canvases


def panels(canvas):
    return {axes.get_title(): axes for axes in canvas.axes}


def test_runs_are_told_apart_by_more_than_colour(make, drawn):
    compare([make(name) for name in "abcd"])
    lines = panels(drawn[0])["Loss of D"].lines
    assert [line.get_label() for line in lines] == list("abcd")
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_color() for line in lines}) == 4
    assert list(lines[0].get_xdata()) == [1, 2, 3, 4]
    assert list(lines[0].get_ydata()) == [1, 2, 3, 4]


def test_the_score_is_drawn_if_every_run_has_one(make, drawn):
    scored = {"score": [None, 0.5, None, 0.25]}
    first, second, plain = make("first", **scored), make("second", **scored), make("plain")
    compare([first, second])
    score = panels(drawn[0])["Score, the lower the better"]
    assert [list(line.get_ydata()) for line in score.lines] == [[0.5, 0.25]] * 2
    compare([first, plain])
    assert "Score, the lower the better" not in panels(drawn[1])


def test_where_g_plays_epochs_alone_curves_run_over_steps(make, drawn):
    run = make("epochs")
    recipe = json.loads(run.recipe_file.read_text())
    run.recipe_file.write_text(json.dumps(recipe | {"steps_in": "epochs"}))
    compare([make("plain"), run])
    assert panels(drawn[0])["Loss of G"].get_xlabel() == "step"
    assert list(panels(drawn[0])["Loss of G"].lines[0].get_xdata()) == [0, 10, 20, 30]


def test_runs_of_the_same_name_are_labelled_by_their_folders(make, drawn):
    compare([make("a/run"), make("b/run")])
    labels = [line.get_label() for line in panels(drawn[0])["Loss of D"].lines]
    assert all(label.endswith(end) for label, end in zip(labels, ("a/run", "b/run"), strict=True))


def test_what_cannot_be_compared_is_a_sentence(make):
    first, second = make("first"), make("second")
    for runs in ([], [first], [make(f"{index}") for index in range(5)]):
        with pytest.raises(GanlibError, match=f"From 2 to 4 runs can be compared, not {len(runs)}"):
            compare(runs)
    with pytest.raises(GanlibError, match="named twice"):
        compare([first, Run(first.folder / ".." / "first")])
    with pytest.raises(GanlibError, match="too short to draw"):
        compare([first, make("short", rows=1)])
    second.samples()[-1].write_bytes(b"no picture")
    with pytest.raises(GanlibError, match="is damaged: remove it"):
        compare([first, second])
    for sample in second.samples():
        sample.unlink()
    with pytest.raises(GanlibError, match="no samples"):
        compare([first, second])


def test_a_run_shows_what_it_has(run):
    run.generator_file.write_bytes(b"weights")
    shown = dict(show_run(run))
    assert list(shown) == ["sample grid", "before/after", "curves", "film", "generator"]
    assert all(path.exists() for path in shown.values())
    assert Image.open(shown["before/after"]).size == (96, 40)
    assert Image.open(shown["curves"]).width == 1000


def test_a_run_that_has_just_begun_shows_less(tmp_path, recipe):
    run = Run(tmp_path / "run")
    run.start(recipe)
    Image.new("RGB", (40, 40)).save(run.sample_file(0))
    assert [what for what, _ in show_run(run)] == ["sample grid", "film", "generator"]
