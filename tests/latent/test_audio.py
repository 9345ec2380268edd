from subprocess import run

import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

from ganlib.errors import GanlibError
from ganlib.latent.audio import Reaction, Sound, driven, read_sound
from ganlib.latent.sampling import sample_latent
from ganlib.latent.timeline import Keyframe, Timeline
from tests.latent.sounds import BEATS, RATE, clicks

A, B = sample_latent(2, 8)
ONE_WAY = Timeline((Keyframe(torch.zeros(1), 1), Keyframe(torch.ones(1))), straight=True)
STEP = torch.tensor([1.0])


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return read_sound(clicks(tmp_path_factory.mktemp("sound") / "clicks.wav"))


def silence(seconds):
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def tone(seconds, loudness, pitch=220):
    return (loudness * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def test_beats_are_heard_where_they_are(sound):
    assert sound.seconds == pytest.approx(3)
    assert sound.beats() == pytest.approx(BEATS, abs=0.02)


def test_a_steady_tone_has_no_beats_and_a_new_note_is_one():
    steady, notes = tone(3, 0.3), np.concatenate([tone(1, 0.3, 220), tone(1, 0.3, 330), tone(1, 0.3, 262)])
    assert len(Sound(steady).beats()) == 0
    assert Sound(notes).beats() == pytest.approx([1, 2], abs=0.03)
    assert len(Sound(silence(2)).beats()) == 0
    assert len(Sound(silence(0.01)).beats()) == 0


def test_loudness_goes_from_silence_to_what_is_loud():
    found = Sound(np.concatenate([silence(1), tone(1, 0.1), tone(1, 0.4)])).loudness(20)
    assert len(found) == 60
    assert found[2:18] == pytest.approx(np.zeros(16), abs=1e-6)
    assert found[22:38] == pytest.approx(np.full(16, 0.25), abs=0.03)
    assert found[42:58] == pytest.approx(np.ones(16), abs=0.03)
    assert not Sound(silence(1)).loudness(20).any()


def test_pulses_jump_at_a_beat_and_fade(sound):
    found = sound.pulses(30)
    assert len(found) == 90
    for beat in BEATS:
        frame = round(30 * beat)
        assert found[frame - 1 : frame + 2].max() > 0.9
        assert found[frame + 8] < 0.4
    assert found[0] == 0


def test_any_format_is_read_that_ffmpeg_knows(sound, tmp_path):
    wav, mp3 = clicks(tmp_path / "a.wav"), tmp_path / "a.mp3"
    run([get_ffmpeg_exe(), "-v", "error", "-i", str(wav), "-ac", "2", "-ar", "44100", str(mp3)], check=True)
    found = read_sound(mp3)
    assert found.seconds == pytest.approx(sound.seconds, abs=0.1)
    assert found.beats() == pytest.approx(BEATS, abs=0.05)


def test_what_is_no_sound_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "text.wav").write_text("la la la")
    with pytest.raises(GanlibError, match="cannot be read as sound"):
        read_sound(tmp_path / "text.wav")
    with pytest.raises(GanlibError, match="There is no sound"):
        read_sound(tmp_path / "none.mp3")
    monkeypatch.setattr("ganlib.latent.audio._LONGEST", 2)
    with pytest.raises(GanlibError, match="longer than 2 seconds"):
        read_sound(clicks(tmp_path / "long.wav"))


def test_without_pace_the_timeline_is_stretched_evenly_over_the_sound(sound):
    z = driven(ONE_WAY, sound, 10, pace=0)[:, 0]
    assert z.tolist() == pytest.approx(np.linspace(1 / 30, 1, 30), abs=1e-5)


def test_with_pace_it_stands_still_in_silence():
    quiet_then_loud = Sound(np.concatenate([silence(1), tone(1, 0.5)]))
    z = driven(ONE_WAY, quiet_then_loud, 20, pace=1)[:, 0]
    assert z[17] == pytest.approx(0, abs=1e-6)
    assert z[-1] == pytest.approx(1)
    assert z[29] == pytest.approx(0.5, abs=0.06)


def test_a_loop_goes_round_as_often_as_fits_and_ends_where_it_began(sound):
    loop = Timeline((Keyframe(A, 0.7), Keyframe(B, 0.7)), loop=True)
    z = driven(loop, sound, 50, pace=0)
    assert len(z) == 150
    assert torch.equal(z[0], A)
    assert torch.allclose(z[75], A, atol=1e-4)  # twice round, at 1.5 s each
    assert (z[-1] - A).norm() < 0.1 * (B - A).norm()


def test_directions_move_with_beats_or_loudness(sound):
    still = Timeline((Keyframe(torch.zeros(1), 1), Keyframe(torch.zeros(1))), straight=True)
    beats = driven(still, sound, 30, reactions=[Reaction(STEP, 2.0)])[:, 0]
    assert beats.numpy() == pytest.approx(2 * sound.pulses(30))
    loud = driven(still, sound, 30, reactions=[Reaction(STEP, -1.0, "loudness")])[:, 0]
    assert loud.numpy() == pytest.approx(-sound.loudness(30))


def test_what_it_cannot_do_is_a_sentence(sound):
    with pytest.raises(GanlibError, match="pace"):
        driven(ONE_WAY, sound, 10, pace=2)
    with pytest.raises(GanlibError, match="direction"):
        driven(ONE_WAY, sound, 10, reactions=[Reaction(torch.ones(3), 1.0)])
