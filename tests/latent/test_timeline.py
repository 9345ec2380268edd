import json

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.latent.sampling import sample_latent, save_latent, slerp
from ganlib.latent.timeline import Keyframe, Timeline, is_timeline, read_timeline, walk, write_timeline

A, B, C = sample_latent(3, 8)


def at(timeline, *moments):
    return timeline.at(torch.tensor(moments))


def test_it_passes_its_keyframes_when_it_should_and_ends_on_the_last():
    timeline = Timeline((Keyframe(A, 1), Keyframe(B, 3), Keyframe(C, 7)))
    assert timeline.seconds == 4
    found = at(timeline, 0.0, 1.0, 4.0, -1.0, 9.0)
    assert torch.equal(found, torch.stack([A, B, C, A, C]))
    assert torch.allclose(at(timeline, 2.5)[0], slerp(B, C, torch.tensor([0.5]))[0])


def test_a_loop_goes_on_from_the_last_to_the_first_and_round_again():
    timeline = Timeline((Keyframe(A, 1), Keyframe(B, 1), Keyframe(C, 2)), loop=True)
    assert timeline.seconds == 4
    found = at(timeline, 3.0, 4.0, 5.0)
    assert torch.allclose(found[0], slerp(C, A, torch.tensor([0.5]))[0])
    assert torch.equal(found[1:], torch.stack([A, B]))


def test_evenly_it_is_the_walk_that_lessons_know():
    for loop, straight in ((False, False), (True, False), (False, True)):
        timeline = Timeline(tuple(Keyframe(z) for z in (A, B, C)), loop, straight)
        wanted = walk(torch.stack([A, B, C]), 17, closed=loop, straight=straight)
        assert torch.allclose(timeline.frames(17), wanted, atol=1e-6)


def test_easing_slows_down_at_both_ends_and_holding_jumps():
    def shares(easing):
        timeline = Timeline((Keyframe(torch.zeros(1), 1, easing), Keyframe(torch.ones(1))), straight=True)
        return at(timeline, 0.0, 0.1, 0.5, 0.9, 1.0)[:, 0].tolist()

    assert shares("linear") == pytest.approx([0, 0.1, 0.5, 0.9, 1])
    assert shares("ease") == pytest.approx([0, 0.028, 0.5, 0.972, 1])
    assert shares("hold") == [0, 0, 0, 0, 1]


def test_it_is_read_from_a_file_with_seeds_and_saved_z_beside_it(recipe, tmp_path):
    generator = recipe.generator()
    save_latent(A, generator, recipe, tmp_path / "smile.json")
    path = tmp_path / "timeline.json"
    stops = [{"seed": 7, "seconds": 1.5, "easing": "ease"}, {"z": "smile.json"}]
    path.write_text(json.dumps({"keyframes": stops, "loop": True}))
    found = read_timeline(path, generator)
    assert (found.loop, found.seconds) == (True, 3.5)
    assert [keyframe.easing for keyframe in found.keyframes] == ["ease", "linear"]
    assert torch.equal(found.keyframes[0].z, sample_latent(1, 8, 7)[0])
    assert torch.equal(found.keyframes[1].z, A)
    assert is_timeline(path)
    assert not is_timeline(tmp_path / "smile.json")
    assert not is_timeline(tmp_path / "none.json")


def test_what_was_written_is_read_again_to_the_bit_by_the_same_model_alone(recipe, tmp_path):
    generator = recipe.generator()
    frames = (Keyframe(A, 1.5, "ease"), Keyframe(B), Keyframe(C, 0.5, "hold"))
    path = write_timeline(Timeline(frames, loop=True), generator, tmp_path / "timeline.json")
    found = read_timeline(path, generator)
    assert found.loop
    for one, other in zip(found.keyframes, frames, strict=True):
        assert torch.equal(one.z, other.z)
        assert (one.seconds, one.easing) == (other.seconds, other.easing)
    with pytest.raises(GanlibError, match="other weights"):
        read_timeline(path, recipe.generator())


@pytest.mark.parametrize(
    ("stops", "message"),
    [
        ([{"seed": 1}], "two keyframes or more"),
        ([{"seed": 1}, {"seed": 2, "seconds": 0}], "more than 0 and at most"),
        ([{"seed": 1}, {"seed": 2, "easing": "bounce"}], "no easing 'bounce'"),
        ([{"seed": 1}, {"seconds": 2}], "names a seed or a z"),
        ([{"seed": 1}, {"seed": 2, "z": "a.json"}], "names a seed or a z"),
        ([{"seed": 1}, {"z": "none.json"}], "none.json"),
        ([{"seed": 1}, {"seed": -4}], "out of range"),
        ([{"seed": 1}, {"z": [0.5, 0.5]}], "shape"),
    ],
)
def test_a_file_that_is_none_says_why(stops, message, recipe, tmp_path):
    path = tmp_path / "timeline.json"
    path.write_text(json.dumps({"keyframes": stops}))
    with pytest.raises(GanlibError, match=message):
        read_timeline(path, recipe.generator())


def test_what_cannot_be_is_a_sentence():
    with pytest.raises(GanlibError, match="more than 0"):
        Keyframe(A, 0)
    with pytest.raises(GanlibError, match="linear, ease, hold"):
        Keyframe(A, easing="bounce")
    with pytest.raises(GanlibError, match="shape"):
        Timeline((Keyframe(A), Keyframe(torch.ones(9))))
    with pytest.raises(GanlibError, match="needs 2 frames"):
        Timeline((Keyframe(A), Keyframe(B))).frames(1)
