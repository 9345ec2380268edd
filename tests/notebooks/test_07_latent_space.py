"""What notebook 07 builds by hand is what ganlib holds, its claims hold, and its exercises can be solved."""

import math

import pytest
import torch

import ganlib
from ganlib.latent.audio import driven
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_of

CELLS = {name: cell.source for name, cell in cells_of("07_latent_space").items()}
EXERCISES = {exercise.name: exercise for exercise in exercises_of("07_latent_space")}
RUN_HERE = (
    "setup",
    "tools",
    "lengths",
    "angles",
    "exercise-shell-yours",
    "exercise-shell-check",
    "sefa",
    "exercise-heard-yours",
    "exercise-heard-check",
    "pca",
    "sheet",
    "picks",
    "fit",
    "rulers",
    "effects",
    "apart",
    "apart-effects",
    "exercise-both-yours",
    "exercise-both-check",
    "mix",
    "project",
    "project-check",
    "exercise-error-yours",
    "exercise-error-check",
    "timeline",
    "timeline-film",
    "sound",
    "exercise-envelope-yours",
    "exercise-envelope-check",
)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, but with pictures enough to fit."""
    few = CELLS["rulers"].replace("tiny=150", "tiny=1200")
    assert few != CELLS["rulers"]
    random = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        names = names_of(
            (CELLS | {"rulers": "art = ganlib.load_art('portraits')\n" + few})[name] for name in RUN_HERE
        )
    torch.set_rng_state(random)
    return names


def test_a_hundred_numbers_are_ten_long(lesson):
    for d, of_length in lesson["lengths"].items():
        if d >= 10:
            assert of_length.mean().item() == pytest.approx(d**0.5, rel=0.03)
            assert of_length.std().item() == pytest.approx(0.5**0.5, rel=0.05)


def test_the_directions_by_hand_are_those_of_the_library(lesson):
    theirs = ganlib.sefa_directions(lesson["generator"], 10)
    assert ((lesson["sefa"][:10] * theirs.vectors).sum(1).abs() > 0.9999).all()
    shares = lesson["strengths"].flip(0)[:10] / lesson["strengths"].sum()
    assert shares.tolist() == pytest.approx(theirs.shares.tolist(), rel=1e-3)
    components = ganlib.ganspace_directions(lesson["generator"], 6, samples=lesson["count"])
    assert ((lesson["pca"] * components.vectors).sum(1).abs() > 0.999).all()


@pytest.mark.parametrize("sizes", [(1, 1), (3, 40), (300, 200)])
def test_the_fit_by_hand_is_that_of_the_library(lesson, sizes):
    one, other = (ganlib.sample_latent(size, 100, seed) for size, seed in zip(sizes, (0, 1000), strict=True))
    assert torch.allclose(lesson["fitted"](one, other), ganlib.fitted_direction(one, other), atol=1e-4)


def test_every_ruler_reads_what_it_is_named_for(lesson):
    pictures = torch.zeros(2, 3, 64, 64)
    pictures[1, 0, :8] = 1  # red above
    assert lesson["background"](pictures).tolist() == pytest.approx([0, 127.5])
    pictures[1, :, 8:40] = -1  # black in the upper part
    assert lesson["hair"](pictures).tolist() == pytest.approx([0, 80])
    pictures[1, :, 28:44, 30:46] = 0.5
    assert lesson["skin"](pictures).tolist() == pytest.approx([0, 63.75])
    pictures[1, 2, -4:] = 1  # blue below
    assert lesson["shirt"](pictures).tolist() == pytest.approx([0, -127.5])


def test_each_direction_moves_its_own_value_most_and_orthogonalised_drags_less(lesson):
    fresh = {**lesson, "fresh": ganlib.sample_latent(96, 100, 50_000)}
    effects = type(lesson["effects"])(lesson["effects"].__code__, fresh, argdefs=(2.0,))
    own = torch.eye(4, dtype=torch.bool)
    before, after = effects(lesson["directions"]), effects(lesson["apart"])
    assert (before[own] > 1.2).all()
    assert (after[own] > 0.8 * before[own]).all()
    assert 0.35 < before[~own].abs().max() < 0.7
    assert after[~own].abs().max() < 0.35
    assert after[~own].abs().mean() < 0.6 * before[~own].abs().mean()


def test_what_is_orthogonalised_by_hand_is_what_the_library_sets_apart(lesson):
    v, u = torch.nn.functional.normalize(torch.randn(2, 100), dim=1)
    assert torch.allclose(lesson["without"](v, u), ganlib.orthogonalise(v, u[None]), atol=1e-5)


def test_the_picks_lead_to_more_hair(lesson):
    people = ganlib.sample_latent(64, 100, 70_000)
    less, more = (ganlib.generate(lesson["generator"], people + way * lesson["picked"]) for way in (-4, 4))
    assert 1.6 < (lesson["hair"](more).mean() / lesson["hair"](less).mean()).item() < 5


def test_the_step_by_hand_is_that_of_the_library(lesson):
    sheet, full, little = (lesson[name] for name in ("sheet", "full_hair", "little_hair"))
    theirs = ganlib.mix(plus=[sheet[full]], minus=[sheet[little]])
    assert torch.allclose(lesson["by_hand"], theirs, atol=1e-6)


def test_the_beats_that_the_drum_has_are_found_and_the_second_half_is_quicker(lesson):
    sound, timeline = lesson["sound"], lesson["timeline"]
    assert sound.beats() == pytest.approx([0.25 + 0.5 * k for k in range(12)], abs=0.03)
    steps = driven(timeline, sound, 24, pace=0.8).diff(dim=0).norm(dim=1)
    evenly = timeline.frames(144).diff(dim=0).norm(dim=1)
    assert steps[:36].mean() < 0.9 * evenly[:36].mean()


def test_the_film_closes_and_each_easing_does_what_the_text_says(lesson):
    timeline, stops = lesson["timeline"], lesson["stops"]
    path = timeline.frames(144)
    assert torch.equal(path[0], stops[0])
    assert torch.equal(timeline.at(torch.tensor([timeline.seconds]))[0], stops[0])
    steps = path.diff(dim=0).norm(dim=1)
    assert steps[1:46].max() < 1.2 * steps[1:46].min()  # linear
    assert max(steps[48], steps[95]) < 0.1 * steps[71]  # ease
    assert torch.equal(path[97:], stops[2].expand(47, -1))  # hold


def solved(lesson, name):
    names = dict(lesson)
    exec(EXERCISES[name].answer, names)
    return names


@pytest.mark.parametrize("seeds", [(0, 1), (5, 50)])
def test_the_bowed_line_goes_the_way_of_the_arc_and_is_never_far_from_it(lesson, seeds):
    a, b = (ganlib.sample_latent(1, 100, seed)[0] for seed in seeds)
    share = torch.linspace(0, 1, 33)
    bowed, arc = solved(lesson, "exercise-shell")["bowed"](a, b, share), ganlib.slerp(a, b, share)
    assert torch.allclose(bowed.norm(dim=1), arc.norm(dim=1), atol=1e-4)
    assert torch.linalg.matrix_rank(torch.cat([bowed, arc]), atol=1e-3) == 2
    behind = torch.cosine_similarity(bowed, arc).clamp(max=1).acos().rad2deg()
    assert 3 < behind.max() < 10


def test_forty_numbers_are_enough_and_the_other_sixty_say_next_to_nothing(lesson):
    """With a stranger's sixty a picture stays what it is; with a stranger's forty it becomes theirs."""
    heard, first = solved(lesson, "exercise-heard")["heard"], lesson["sefa"][:40]
    people, strangers = ganlib.sample_latent(32, 100, 3000), ganlib.sample_latent(32, 100, 4000)
    swapped = heard(people, first) + strangers - heard(strangers, first)
    of_people, of_strangers, mixed = (
        ganlib.generate(lesson["generator"], z) for z in (people, strangers, swapped)
    )
    apart = [127.5 * (mixed - pictures).square().mean().sqrt() for pictures in (of_people, of_strangers)]
    assert 15 < apart[0] < 27
    assert apart[1] > 3 * apart[0]
    assert heard(people, first).norm(dim=1).mean().item() == pytest.approx(6.3, abs=0.3)


def test_the_error_by_hand_is_that_of_the_library(lesson):
    """Of each projection; and what the solution says of a shift by a pixel and of the mirror holds."""
    off_by = solved(lesson, "exercise-error")["off_by"]
    for kind, pictures in lesson["kinds"].items():
        for result, wanted in zip(lesson["found"][kind], pictures, strict=True):
            assert float(off_by(result.picture, wanted)) == pytest.approx(result.error, rel=1e-4)
    somebody, art = lesson["kinds"]["never seen"][0], lesson["art"]
    shifted, mirrored = off_by(somebody.roll(-1, 2), somebody), off_by(somebody.flip(2), somebody)
    nobody = off_by(art.tensor(art.train).mean(0), somebody)
    assert 30 < shifted < 45
    assert mirrored.item() == pytest.approx(nobody.item(), rel=0.1)


CHECKS = {
    "exercise-shell": ("check_bowed", "bowed"),
    "exercise-heard": ("check_heard", "heard"),
    "exercise-both": ("check_without_both", "without_both"),
    "exercise-error": ("check_off_by", "off_by"),
    "exercise-envelope": ("check_envelope", "envelope"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_a_solution_passes_its_check_and_what_stood_there_does_not(lesson, name):
    check, answer = CHECKS[name]
    assert lesson[check](lesson[answer]).startswith(("Not yet", "Your turn"))
    assert lesson[check](solved(lesson, name)[answer]).startswith("Right")


def unit(v):
    return torch.nn.functional.normalize(v, dim=-1)


HINTS = [
    ("check_bowed", ganlib.lerp, "the straight line, only 7"),
    ("check_bowed", ganlib.slerp, "the directions are off"),
    ("check_bowed", lambda a, b, share: unit(ganlib.lerp(a, b, share)), "of length 1"),
    ("check_bowed", lambda a, b, share: 10 * unit(ganlib.lerp(a, b, share)), "long, and should be"),
    ("check_bowed", lambda a, b, share: ganlib.lerp(a, b, share).norm(dim=1), "stops with"),
    ("check_bowed", lambda *_: None, "stops with"),
    ("check_heard", lambda z, v: z @ v.T, "how far each z goes"),
    ("check_heard", lambda z, v: z - z @ v.T @ v, "deaf to"),
    ("check_heard", lambda z, v: unit(z @ v.T @ v), "another length"),
    ("check_heard", lambda z, _: z, "another part of z"),
    ("check_heard", lambda z, v: z @ v, "stops with"),
    ("check_heard", lambda *_: None, "stops with"),
    ("check_without_both", lambda v, *_: 2 * v, "2.00 long"),
    ("check_without_both", lambda v, *_: v, "in common with"),
    ("check_without_both", lambda *_: None, "stops with"),
    ("check_without_both", lambda v, *_: torch.nan * v, "a unit vector"),
    ("check_off_by", lambda x, y: (x - y).square().mean().sqrt(), "how many of the 255 steps"),
    ("check_off_by", lambda x, y: 255 * (x - y).square().mean().sqrt(), "twice too large"),
    ("check_off_by", lambda x, y: 127.5 * (x - y).abs().mean(), "square before the mean"),
    ("check_off_by", lambda x, y: (127.5 * (x - y)).square().mean(), "the root is missing"),
    ("check_off_by", lambda x, y: 127.5 * (x - y).norm(), "the root of a sum"),
    ("check_off_by", lambda x, y: (x - y).mean(), "square, mean, root"),
    ("check_off_by", lambda x, y: x - y, "stops with"),
    ("check_off_by", lambda *_: torch.nan, "square, mean, root"),
    ("check_envelope", lambda since: 1 - since, "fade to 0"),
    ("check_envelope", lambda since: 0.5**since, "a tenth of a second"),
    ("check_envelope", lambda since: torch.exp(-10 * since), "0.50, and it is 0.37"),
    ("check_envelope", lambda since: (1 - 5 * since).clamp(0), "half of a half, 0.25, and it is 0.00"),
    ("check_envelope", lambda since: 0.5 * 0.5 ** (10 * since), "at the beat it should be 1"),
    ("check_envelope", lambda since: since / since, "at the beat it should be 1, and it is nan"),
    ("check_envelope", lambda since: 0.5 ** (since[0] / 0.1), "fade to 0"),
    ("check_envelope", lambda *_: None, "stops with"),
]


@pytest.mark.parametrize(("check", "function", "hint"), HINTS)
def test_a_hint_names_the_mistake(lesson, check, function, hint):
    told = lesson[check](function)
    assert told.startswith("Not yet")
    assert hint in told


def test_right_angles_alone_are_not_enough(lesson):
    across = torch.linalg.svd(lesson["directions"][[0, 2]]).Vh[-1]
    assert "less of v" in lesson["check_without_both"](lambda *_: across)


@pytest.mark.parametrize(
    ("check", "function"),
    [
        ("check_heard", lambda z, v: sum((z @ d)[:, None] * d for d in v)),
        ("check_without_both", lambda v, *others: ganlib.orthogonalise(v, torch.stack(others))),
        ("check_without_both", lambda v, *others: -ganlib.orthogonalise(-v, torch.stack(others))),
        ("check_off_by", lambda x, y: float(((127.5 * (x - y)) ** 2).mean() ** 0.5)),
        ("check_envelope", lambda since: torch.exp(-since * math.log(2) / 0.1)),
        ("check_envelope", lambda since: torch.exp2(-10 * since)),
        ("check_envelope", lambda since: 1 / 2 ** (10 * since)),
    ],
)
def test_another_right_answer_is_right_too(lesson, check, function):
    assert lesson[check](function).startswith("Right")
