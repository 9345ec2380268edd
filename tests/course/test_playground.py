"""The playground: what the sliders say is trained, live, stopped and looked back at; on both ipywidgets."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

from ganlib.course.playground import Playground
from ganlib.course.toy import (
    ToyGAN,
    ToySettings,
    draw_snapshot,
    real_sample,
    summarise,
    toy_distribution,
    toy_figure,
    toy_row,
)
from ganlib.errors import GanlibError
from tests.studio.driver import part

OTHERS = {
    "distribution": "spiral",
    "loss": "hinge",
    "g_lr": 1e-3,
    "d_lr": 2e-3,
    "g_steps": 3,
    "d_steps": 2,
    "latent_dim": 4,
    "seed": 7,
}


@pytest.fixture
def playground():
    return Playground(every=2, snapshots=3)


def steps(playground):
    return [snapshot.step for snapshot in playground.snapshots]


def pixels(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def test_before_training_the_beginning_is_shown(playground):
    assert steps(playground) == [0]
    assert playground.settings == ToySettings()
    assert repr(playground).startswith("0 steps: 0 of 8 modes of the eight Gaussians found")


def test_every_slider_has_its_say(playground):
    for name, value in OTHERS.items():
        part(playground.box, name.replace("_", "-")).value = value
    assert playground.settings == ToySettings(**OTHERS)
    part(playground.box, "train").click()
    gan = ToyGAN(ToySettings(**OTHERS))
    gan.train(6)
    assert steps(playground) == [0, 2, 4, 6]
    assert torch.equal(playground.snapshots[-1].points, gan.snapshot().points)
    assert "of 32 modes of the spiral" in repr(playground)


def test_a_choice_that_python_takes_away_is_put_back(playground):
    for name, value in OTHERS.items():
        control = part(playground.box, name.replace("_", "-"))
        with suppress(TraitError):  # which a slider raises itself
            control.value = None
        with pytest.raises(TraitError):
            control.value = "no such thing"
        assert playground.settings == ToySettings()
        control.value = value
        control.value = getattr(ToySettings(), name)
    part(playground.box, "train").click()
    assert steps(playground) == [0, 2, 4, 6]


def test_it_begins_with_the_settings_that_it_is_given():
    assert Playground(ToySettings(**OTHERS)).settings == ToySettings(**OTHERS)


def test_going_on_keeps_what_was_trained_and_training_begins_anew(playground):
    part(playground.box, "train").click()
    last = playground.snapshots[-1].points
    part(playground.box, "go-on").click()
    assert steps(playground) == [0, 2, 4, 6, 8, 10, 12]
    part(playground.box, "train").click()
    assert steps(playground) == [0, 2, 4, 6]
    assert torch.equal(playground.snapshots[-1].points, last)


def test_looking_back_shows_the_picture_and_the_words_of_then(playground):
    part(playground.box, "train").click()
    back = part(playground.box, "look-back")
    assert (back.min, back.max, back.value) == (0, 6, 6)
    for step, snapshot in zip((0, 4, 6), (0, 2, 3), strict=True):
        back.value = step
        figure = toy_figure(playground.snapshots[snapshot], playground.settings)
        assert np.array_equal(pixels(playground._picture.value), pixels(figure.data))
        assert f">{step} steps: " in part(playground.box, "told").value


def test_there_is_no_looking_ahead(playground):
    back = part(playground.box, "look-back")
    back.value = 4
    assert back.value == 0
    assert repr(playground).startswith("0 steps")


def test_in_a_kernel_messages_are_read_between_two_snapshots(playground):
    async def people():
        playground.train()
        assert steps(playground) == [0]
        while len(playground.snapshots) < 3:
            await asyncio.sleep(0)
        playground.stop()
        await asyncio.sleep(0.1)
        assert steps(playground) == [0, 2, 4]
        playground.go_on()
        while len(playground.snapshots) < 6:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)

    asyncio.run(people())
    assert steps(playground) == [0, 2, 4, 6, 8, 10]


def test_training_anew_in_the_midst_of_it_leaves_the_old_one(playground):
    async def people():
        playground.train()
        while len(playground.snapshots) < 3:
            await asyncio.sleep(0)
        part(playground.box, "distribution").value = "spiral"
        playground.train()
        while len(playground.snapshots) < 4:
            await asyncio.sleep(0)

    asyncio.run(people())
    assert steps(playground) == [0, 2, 4, 6]
    assert "spiral" in repr(playground)


def test_an_interruption_is_said_and_one_can_go_on(playground, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ToyGAN, "train", interrupted)
        playground.train()
    assert "Interrupted" in repr(playground)
    playground.go_on()
    assert steps(playground) == [0, 2, 4, 6]


def test_a_page_without_a_kernel_shows_a_still_picture(playground):
    bundle = playground._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == playground.box.model_id
    assert 'alt="Real points are blue dots' in bundle["text/html"]
    assert bundle["text/plain"] == repr(playground)
    assert part(playground.box, "told").value.startswith('<p role="status">')


def test_what_is_not_on_the_sliders_is_refused():
    with pytest.raises(GanlibError, match=r"g_lr of 0\.3"):
        Playground(ToySettings(g_lr=0.3))
    for wrong in ({"snapshots": 0}, {"every": 0}):
        with pytest.raises(GanlibError, match="cannot be drawn"):
            Playground(**wrong)


def picture_of(snapshot):
    """The middle part of a picture, as (H, W, 3), without frame and legend."""
    return pixels(toy_figure(snapshot, ToySettings()).data)[40:400, 40:420]


def test_the_ground_is_blue_where_d_says_real_and_orange_where_it_says_generated():
    snapshot = ToyGAN(ToySettings()).snapshot()
    real, fake, split = (snapshot._replace(field=torch.full((61, 61), value)) for value in (1.0, 0.0, 0.0))
    split.field[:, 31:] = 1
    red_minus_blue = [np.median(picture_of(one)[..., 0] - picture_of(one)[..., 2]) for one in (real, fake)]
    assert -110 < red_minus_blue[0] < -60
    assert 100 < red_minus_blue[1] < 160
    halves = picture_of(split)
    assert np.median(halves[:, -100:, 2] - halves[:, -100:, 0]) > 60
    assert np.median(halves[:, :100, 0] - halves[:, :100, 2]) > 100


def test_a_line_is_drawn_where_d_cannot_tell_and_none_where_there_is_none():
    from matplotlib.figure import Figure as Canvas

    snapshot = ToyGAN(ToySettings()).snapshot()
    drawn = []
    for field in (torch.linspace(0, 1, 61).repeat(61, 1), torch.full((61, 61), 0.2)):
        axes = Canvas().subplots()
        draw_snapshot(axes, snapshot._replace(field=field), real_sample("spiral"))
        drawn.append([path.vertices for one in axes.collections for path in one.get_paths()])
    assert np.allclose(np.concatenate(drawn[0])[:, 0], 0, atol=0.06)
    assert drawn[1] == []


def test_real_points_to_look_at_are_always_the_same_and_disturb_no_other_random_numbers():
    torch.manual_seed(3)
    expected = torch.randn(2)
    torch.manual_seed(3)
    assert torch.equal(real_sample("spiral"), real_sample("spiral"))
    assert torch.equal(torch.randn(2), expected)
    assert torch.cdist(real_sample("spiral"), toy_distribution("spiral").modes).min(1).values.max() < 0.7


def test_a_snapshot_is_told_in_figures():
    settings = replace(ToySettings(), distribution="spiral")
    snapshot = ToyGAN(settings).snapshot()._replace(step=40, modes=30, high_quality=0.876)
    assert summarise(snapshot, settings) == (
        "40 steps: 30 of 32 modes of the spiral found, 88 % of the samples are of high quality."
    )
    assert toy_figure(snapshot, settings).alt.endswith(summarise(snapshot, settings))


def test_a_row_of_snapshots_says_what_each_of_them_shows():
    snapshot = ToyGAN(ToySettings()).snapshot()._replace(step=40, modes=3, high_quality=0.876)
    row = toy_row([snapshot] * 3, ["at first"])
    assert pixels(row.data).shape[1] == 900
    assert "at first; 40 steps: 3 of 8 modes, 88% near; 40 steps" in row.alt
    assert "3 of 32 modes" in toy_row([snapshot], distribution="spiral").alt
