"""Sounds that are made for a test."""

import wave
from pathlib import Path

import numpy as np

RATE = 22_050
BEATS = (0.25, 0.75, 1.25, 2.0, 2.5)  # seconds


def clicks(path: Path, seconds: float = 3.0, beats: tuple[float, ...] = BEATS) -> Path:
    """Write a WAV of short tones over faint noise."""
    count = round(seconds * RATE)
    samples = 0.02 * np.random.default_rng(0).standard_normal(count)
    places = np.arange(round(0.08 * RATE))
    tone = 0.8 * np.sin(2 * np.pi * 200 * places / RATE) * np.exp(-places / (0.02 * RATE))
    for beat in beats:
        begin = round(beat * RATE)
        samples[begin : begin + len(tone)] += tone[: count - begin]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples.clip(-1, 1) * 32_000).astype("<i2").tobytes())
    return path
