"""The benchmark of quality: marks, interruptions, figures and tables, on nets that train in milliseconds."""

import itertools
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks.quality import __main__ as program
from benchmarks.quality import measuring, picture, running, training
from benchmarks.quality.job import Job, Place, begun
from benchmarks.quality.measuring import Point, Result
from benchmarks.quality.running import Workers, run_all
from benchmarks.quality.systems import SIZES, Mark, Stage, System
from benchmarks.quality.table import report
from ganlib.costs import cost
from ganlib.errors import GanlibError
from ganlib.evaluation.features import Extractor
from ganlib.evaluation.metrics import Manifold, MeanStd
from ganlib.evaluation.quality import BySize, Figures, Quality
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.weights import load_generator


@pytest.fixture
def known_rate(monkeypatch):
    """Of what matrix products reach."""
    monkeypatch.setattr(training, "_rate", lambda machine: {"cpu": 5e9}[machine.device.type])


@pytest.fixture
def stage(recipe):
    """Two systems, judged after 0.16 kimg, that is 13 steps, and 0.02 minutes of a clock of the test's."""
    wide = replace(recipe, width=6, ema_kimg=0)
    systems = (System("reference", "wide", lambda: wide), System("modern", "narrow", lambda: recipe))
    return Stage("small", "blocks", 32, "cpu", (0.16,), (0.02,), systems)


@pytest.fixture
def job(stage, tmp_path):
    return Job(stage, stage.systems[1], 1, tmp_path / "runs")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch, art, full_length):
    """A clock that goes on by 50 ms when it is read, pictures at hand, an extractor that costs nothing."""
    ticks = itertools.count()
    clock = SimpleNamespace(process_time=lambda: next(ticks) * 0.05, perf_counter=lambda: 0.0)
    monkeypatch.setattr(training, "time", clock)
    for module in (training, measuring):
        monkeypatch.setattr(module, "load_art", lambda name, size: art)
    eye = Extractor("eye", 8, nn.Sequential(nn.Flatten(), Halved()), torch.device("cpu"))
    monkeypatch.setattr(measuring, "get_extractor", lambda name, device: eye)


class Halved(nn.Module):
    """Bytes as small numbers, as features are."""

    def forward(self, x):
        return x / 255


def ending_after(steps, monkeypatch):
    """Let the process that started a training be gone after so many steps."""
    calls = itertools.count()
    monkeypatch.setattr(training.os, "getppid", lambda: next(calls) > steps)


def test_marks_are_the_budgets_and_ten_points_of_the_longest_minutes():
    marks = Stage("small", "blocks", 32, "cpu", (90,), (10, 40), ()).marks()
    assert [mark.name for mark in marks if mark.full] == ["90-kimg", "10-minutes", "40-minutes"]
    points = [mark.value for mark in marks if not mark.full]
    assert points == [4, 8, 12, 16, 20, 24, 28, 32, 36]
    assert Mark(90, "kimg").share(45, 1000) == 0.5
    assert Mark(10, "minutes").share(1000, 20) == 2


@pytest.mark.parametrize("size", SIZES)
def test_every_system_has_a_recipe_for_the_pictures_of_its_stage(size):
    for stage in SIZES[size]:
        recipes = [system.recipe() for system in stage.systems]
        assert {recipe.size for recipe in recipes} == {stage.size}
        assert {recipe.name for recipe in recipes} <= set(recipe_names())
        assert all(recipe.generator() and recipe.discriminator() for recipe in recipes)


def test_what_the_systems_differ_in():
    first, average, hinge, excited, modern = (system.recipe() for system in SIZES["cpu"][0].systems)
    assert set(first.differences(average)) == {"ema_kimg", "augment"}
    assert set(average.differences(hinge)) == {"d_norm", "loss"}
    assert set(hinge.differences(excited)) == {"family", "width"}
    assert modern.name == "modern64-cpu"
    assert not first.ema_kimg


def test_a_trial_has_a_folder_of_its_own(stage):
    assert stage.shortened(None, None) == stage
    assert stage.shortened(None, 0.3).name == "small-0.16kimg-0.3minutes"
    assert stage.shortened(2, None).kimg == (2,)
    with pytest.raises(GanlibError, match="above zero, not -1"):
        stage.shortened(None, -1)
    with pytest.raises(GanlibError, match="no system 'other': choose among reference, modern"):
        stage.system("other")


def test_a_run_is_kept_at_each_mark_and_ends_after_the_last(job):
    assert not job.is_trained()
    assert training.train(job)
    kept = job.kept()
    assert set(kept) == {mark.name for mark in job.stage.marks()}
    assert (kept["0.16-kimg"].step, kept["0.16-kimg"].kimg) == (13, 0.169)  # the first step after it
    for mark in job.stage.marks():
        place = kept[mark.name]
        assert mark.share(place.kimg, place.minutes) >= 1
        assert place.seconds / 60 < mark.value + 0.003 or mark.unit == "kimg"
        assert load_generator(job.kept_file(mark))[1].seed == 1
    assert kept["0.02-minutes"].step == max(place.step for place in job.places())
    steps = job.run.checkpoint_file.stat().st_mtime_ns
    assert training.train(job)
    assert job.run.checkpoint_file.stat().st_mtime_ns == steps


def test_a_run_that_was_stopped_comes_to_the_same_pictures(job, tmp_path, monkeypatch):
    whole = replace(job, runs=tmp_path / "whole")
    assert training.train(whole)
    seconds = [0.0]
    for steps in (3, 4):
        ending_after(steps, monkeypatch)
        assert not training.train(job)
        seconds.append(job.places()[-1].seconds)
    ending_after(10**6, monkeypatch)
    assert training.train(job)
    assert job.kept()["0.16-kimg"].step == 13
    assert seconds[0] < seconds[1] < seconds[2] < job.kept()["0.16-kimg"].seconds
    mark = job.stage.marks()[0]
    assert mark.name == "0.16-kimg"
    ours, theirs = (load_generator(each.kept_file(mark))[0].state_dict() for each in (job, whole))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(job):
    job.run.folder.mkdir(parents=True)
    for step in (10, 20, 30):
        job.note(Place(step, step / 100, step * 2.0, mark=f"{step}-steps"))
    with job.track_file.open("a") as file:
        file.write('{"step": 40, "ki')
    assert job.go_back(25) == Place(20, 0.2, 40.0, mark="20-steps")
    assert set(job.kept()) == {"10-steps", "20-steps"}
    assert job.go_back(0) == Place(0, 0.0, 0.0)
    assert job.places() == []


def test_a_run_with_other_marks_is_not_mixed_in(job):
    assert training.train(job)
    other = replace(job, stage=replace(job.stage, kimg=(0.08,)))
    with pytest.raises(GanlibError, match=r"is past 0.08 kimg and has kept nothing there"):
        training.train(other)


def figures(kid, recall, **more):
    spread, manifold = MeanStd(kid, 1.0), Manifold(0.5, recall, 0.4, 0.3)
    kids = BySize(MeanStd(2 * kid, 1.0), spread, spread)
    return {
        "count": 500,
        "kid": kids,
        "manifold": BySize(manifold, manifold, manifold),
        "distinct": 400,
        "neighbour_ratio": 1.5,
        "fid": None,
        **more,
    }


def quality(kid, recall):
    return Quality(
        **figures(kid, recall),
        baseline=Figures(**figures(6.0, 0.94)),
        pictures="blocks",
        extractor="lite0",
        side=96,
        resolution=32,
        real=500,
        real_are="held-out pictures",
        train=3400,
        subset_size=250,
        seed=0,
        closest=(),
    )


def result(system, seed, kid, recall, names=("0.16-kimg", "0.02-minutes")):
    point = Point(10, 0.16, 0.02, 2**30, 500, MeanStd(kid, 1.0), quality(kid, recall))
    return Result(
        system, seed, f"2026-11-2{seed}; a machine", "lite0", Recipe("test"), dict.fromkeys(names, point)
    )


def test_a_table_has_means_and_deviations_over_seeds(stage):
    found = [result("reference", 0, 1000.0, 0.1), result("reference", 1, 1200.0, 0.3)]
    text = report(stage, [*found, result("modern", 0, 200.0, 0.2, ["0.02-minutes"])])
    first, second = text.split("blocks at 32 px after ")[1:]
    assert first.startswith("0.16 kimg. KID times 1,000 by lite0, which looks at 96 px: 500 samples of 32 px")
    assert second.startswith("0.02 CPU minutes.")
    assert "next to 500 held-out pictures, neighbours among 3400 training pictures. 2026-11-20 and" in first
    assert " 2026-11-20 and 2026-11-21; a machine.\n" in first
    row = next(line for line in first.splitlines() if line.startswith("| wide"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:5] == ["wide", "2", "2,200 ± 283", "1,100 ± 141", "1,100 ± 141"]
    assert cells[6] == "0.20 ± 0.14"
    assert cells[-2:] == ["133 ± 0", "1.00 ± 0.00"]
    assert "% of matrix products" not in text
    points = {"0.02-minutes": replace(found[0].points["0.02-minutes"], rate=4e9, flops=3_000_000)}
    rated = report(stage, [replace(found[0], points=points)])  # 133 and a third a second, 3 million each
    assert next(line for line in rated.splitlines() if "wide" in line).endswith("| 133 | 10.0 | 1.00 |")
    assert "narrow" not in first
    assert "| real against real |  | 12 | 6 | 6 | 0.50 | 0.94 |" in second


@pytest.mark.parametrize(
    ("kid", "recall", "verdict"),
    [
        (250.0, 0.11, "KID 250 against 1,000, 0.25 of it; recall 0.11 against 0.10"),
        (251.0, 0.11, "does not hold."),
        (250.0, 0.1, "does not hold."),
    ],
)
def test_the_claim_is_judged_for_each_seed(stage, kid, recall, verdict):
    found = [
        result("reference", 0, 1000.0, 0.1),
        result("modern", 0, kid, recall),
        result("modern", 1, 1.0, 1),
    ]
    lines = report(stage, found).splitlines()
    (line,) = [line for line in lines if line.startswith("- ")]
    assert line.startswith("- 0.02 CPU minutes, seed 0: ")
    assert verdict in line
    assert line.endswith(": holds.") == (kid <= 250 and recall > 0.1)
    assert "Claim" not in report(replace(stage, has_claim=False), found)


def test_each_part_differs_from_the_whole_in_what_its_title_says():
    *parts, whole = (system.recipe() for system in SIZES["parts"][0].systems)
    changed = [whole.differences(part) for part in parts]
    assert changed[1] == ["loss"]
    assert changed[2] == ["init", "d_norm", "penalty"]
    assert changed[3:7] == [["minibatch_stddev"], ["g_lr", "d_lr"], ["batch_size"], ["width"]]
    assert whole.name == "modern64-cpu"


def test_the_rates_are_all_that_differs_from_modern64_made_narrow():
    recipes = {system.name: system.recipe() for system in SIZES["rates"][0].systems}
    assert get_recipe("modern64").differences(recipes["modern"]) == ["width", "batch_size"]
    for name in ("paper", "double", "high"):
        assert recipes["modern"].differences(recipes[name]) == ["g_lr", "d_lr"]


class Inline:
    """A process that has done its work as soon as it is started, in this process."""

    started: list[list[str]]

    def __init__(self, command, **_):
        self.started.append(command)
        self.code = program.main(command[3:])

    def poll(self):
        return self.code


def test_the_whole_comparison(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SIZES, "cpu", (stage,))
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(running, "subprocess", SimpleNamespace(Popen=Inline, STDOUT=None))
    monkeypatch.setattr(Inline, "started", [], raising=False)
    threads = torch.get_num_threads()
    words = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "all.png"), "--seeds", "0", "1"]
    assert program.main(words) == 0
    torch.set_num_threads(threads)
    told = capsys.readouterr().out
    assert [command[-1] for command in Inline.started] == [
        f"small/{name}" for name in ("reference-0", "modern-0", "reference-1", "modern-1")
    ]
    assert told.count("| wide | 2 |") == 2
    assert told.count("seed 0: KID") == told.count("seed 1: KID") == 1
    assert f"are in {tmp_path / 'all.png'}." in told
    before = (tmp_path / "all.png").read_bytes()
    assert program.main(words) == 0
    assert len(Inline.started) == 4
    assert program.main([*words[:4], "--report"]) == 0
    assert capsys.readouterr().out.endswith(told[told.index("blocks at") :])
    assert (tmp_path / "all.png").read_bytes() == before
    sheet = np.asarray(Image.open(tmp_path / "all.png").convert("RGB")).astype(int)
    left, right = sheet[100:460, 30:400], sheet[100:460, 450:820]
    assert min(left.std(), right.std()) > 5
    assert not np.array_equal(left, right)
    small = [sheet[1000:1150, 30 + 210 * place :][:, :150] for place in range(6)]
    assert min(grid.std() for grid in small) > 5


def test_what_was_kept_for_the_curve_alone_is_removed_once_it_is_measured(job, known_rate):
    assert training.train(job)
    gauge = measuring.Gauge(job.stage, "eye")
    found = gauge.measure(job)
    assert set(found.points) == {mark.name for mark in job.stage.marks()}
    assert {mark.name for mark in job.stage.marks() if job.kept_file(mark).exists()} == {
        "0.16-kimg",
        "0.02-minutes",
    }
    assert {name for name, point in found.points.items() if point.quality} == {"0.16-kimg", "0.02-minutes"}
    full = found.points["0.16-kimg"]
    assert full.count == 60
    assert full.kid == full.quality.kid.half
    assert full.step == 13
    assert (full.rate, full.flops) == (5e9, cost(job.recipe()).flops)
    assert Result.read(job.run.folder / "measured-eye.json") == found
    assert gauge.measure(job) == found
    assert begun(job.stage, job.runs) == [job]


def test_jobs_run_a_few_at_a_time_and_one_that_breaks_down_is_named(stage, tmp_path, monkeypatch):
    jobs = [Job(stage, stage.systems[0], seed, tmp_path) for seed in range(4)]
    most = []

    def command(job):
        lines = "".join(
            f'{{"step": 1, "kimg": 1, "seconds": 9, "mark": "{m.name}"}}\n' for m in stage.marks()
        )
        good = f"open({str(job.track_file)!r}, 'w').write({lines!r})"
        return ["-c", "print('too hot'); raise SystemExit('it melted')" if job.seed == 2 else good]

    def measure(job):
        most.append(len(workers.at_work))
        return result("reference", job.seed, 7.0, 0.5)

    monkeypatch.setattr(running, "_SECONDS_BETWEEN_LOOKS", 0.01)
    workers = Workers(command, 2, 1)
    broken = run_all(jobs, workers, measure)
    assert broken == [jobs[2]]
    assert jobs[2].last_words() == "it melted"
    assert len(most) == 3
    assert max(most) <= 1
    assert not workers.at_work


def test_an_interrupt_is_passed_on_and_waited_for(stage, tmp_path, monkeypatch):
    (job, other) = (Job(stage, stage.systems[0], seed, tmp_path) for seed in range(2))
    code = """
import signal, sys, pathlib
signal.signal(signal.SIGINT, lambda *_: (pathlib.Path(sys.argv[1]).write_text("saved"), sys.exit(1)))
pathlib.Path(sys.argv[2]).touch()
signal.pause()
"""
    ready = [tmp_path / "ready-0", tmp_path / "ready-1"]
    workers = Workers(
        lambda job: ["-c", code, str(tmp_path / job.name) + ".txt", str(ready[job.seed])], 2, None
    )

    def interrupted(_):
        if all(path.exists() for path in ready):
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "time", SimpleNamespace(sleep=interrupted))
    with pytest.raises(KeyboardInterrupt):
        run_all([job, other], workers, lambda _: None)
    assert [(tmp_path / f"{each.name}.txt").read_text() for each in (job, other)] == ["saved", "saved"]
    assert not workers.at_work


def test_mistakes_are_one_sentence(tmp_path, capsys, monkeypatch, stage):
    monkeypatch.setitem(SIZES, "cpu", (stage,))
    runs = ["--runs", str(tmp_path)]
    for words, sentence in (
        (["--report"], "No run has reached a budget yet"),
        (["--only", "other"], "The size 'small' has no system 'other'"),
        (["--minutes", "-1"], "A budget must be above zero"),
    ):
        assert program.main([*runs, *words]) == 2
        assert capsys.readouterr().err.startswith(sentence)
    monkeypatch.setattr(program, "_compare", lambda _: signal.raise_signal(signal.SIGINT))
    assert program.main(runs) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_every_system_of_a_stage_has_a_look_of_its_own():
    looks = [(marker, line) for _, marker, line in picture._STYLES]
    assert len(set(looks)) == len({colour for colour, _, _ in picture._STYLES}) == len(picture._STYLES)
    assert max(len(stage.systems) for stages in SIZES.values() for stage in stages) <= len(picture._STYLES)
