"""Estimates from an array of which one channel has speech: by mix, by auto, by the right channel.

    python -m benchmarks.channels [--noise DIR] [--levels DBFS ...]

The test recordings are on one of six channels; the others have noise of different kinds at the same
level. With `--noise`, recorded noise is taken from the sound files of that folder, else all noise
is computed. Prints a row of a Markdown table for each level: how many estimates there are, and how
many of them agree in their label with the estimate of the clean recordings at about that time.

    python -m benchmarks.channels --cost

prints what the choice costs, by the number of channels, while all are measured and on average.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.measuring import MODEL
from benchmarks.sound import speech
from ser_stream import Recognizer
from ser_stream.audio import channel_selector
from ser_stream.audio.channel_selector import ChannelSelector
from ser_stream.emotion import EmotionEstimate
from ser_stream.units import SAMPLE_RATE_HZ, Decibels

PLACE = 3
OWN_NOISE_DBFS = -55.0
MAX_DISTANCE_S = 0.26
"""Estimates whose ends are no further apart are compared: half a hop."""


def at_level(samples: np.ndarray, dbfs: Decibels) -> np.ndarray:
    """Return samples with that RMS level."""
    return (samples / np.std(samples) * 10 ** (dbfs / 20)).astype(np.float32)


def computed_noise(length: int) -> list[np.ndarray]:
    """Return white and pink noise, mains hum, a motor with whine, and white noise in bursts."""
    rng = np.random.default_rng(0)
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    white = rng.standard_normal((4, length))
    spectrum = np.fft.rfft(white[1])
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 12))
    turns = 2 * np.pi * np.cumsum(90 + 8 * np.sin(2 * np.pi * 0.7 * time_s)) / SAMPLE_RATE_HZ
    motor = sum(np.sin(k * turns) / k for k in range(1, 30)) + 0.3 * white[2]
    bursts = white[3] * (np.sin(2 * np.pi * 3 * time_s) > 0.5)
    return [white[0], pink, hum, motor, bursts]


def recorded_noise(length: int, folder: Path) -> list[np.ndarray]:
    """Return five channels of recorded noise, each of some files, in an order that is fixed."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".opus", ".flac", ".wav"))
    order = np.random.default_rng(0).permutation(len(paths))
    files = [soundfile.read(paths[index], dtype="float32")[0] for index in order[:60]]
    return [np.resize(np.concatenate(files[channel::5]), length) for channel in range(5)]


def estimates(samples: np.ndarray, channel: int | str) -> list[EmotionEstimate]:
    """Return the estimates of samples (n, channels)."""
    with Recognizer(MODEL, channel=channel) as recognizer:
        return recognizer.push(samples, SAMPLE_RATE_HZ) + recognizer.finish()


def agreement(found: list[EmotionEstimate], reference: list[EmotionEstimate]) -> int:
    """Return how many estimates have the label of the reference's nearest estimate."""
    agreeing = 0
    for estimate in found:
        near = [e for e in reference if e.trigger == estimate.trigger]
        nearest = min(near, key=lambda e: abs(e.end_s - estimate.end_s))
        agreeing += (
            abs(nearest.end_s - estimate.end_s) <= MAX_DISTANCE_S
            and nearest.expression == estimate.expression
        )
    return agreeing


def compare(arguments: argparse.Namespace) -> None:
    """Print the table of estimates."""
    clean = speech()
    reference = estimates(clean[:, np.newaxis], 0)
    others = computed_noise(len(clean))
    if arguments.noise:
        others = recorded_noise(len(clean), arguments.noise)
    own = clean + at_level(np.random.default_rng(1).standard_normal(len(clean)), OWN_NOISE_DBFS)
    print(f"clean recordings: {len(reference)} estimates, {len(clean) / SAMPLE_RATE_HZ:.0f} s\n")
    print("| noise on five channels | mix | auto | the right channel |\n|---|---|---|---|")
    for level in arguments.levels:
        noise = [at_level(samples, level) for samples in others]
        samples = np.stack([*noise[:PLACE], own, *noise[PLACE:]], axis=1)
        cells = []
        for channel in ("mix", "auto", PLACE):
            found = estimates(samples, channel)
            cells.append(f"{len(found)}, {agreement(found, reference)} agree")
        print(f"| {level:.0f} dBFS | {' | '.join(cells)} |", flush=True)


def cost() -> None:
    """Print the table of what the choice costs, in parts of a core in real time."""
    print("| channels | all measured | on average, once one is chosen |\n|---|---|---|")
    for channels in (2, 4, 6, 8, 16):
        shares = []
        for every_s in (0.0, channel_selector.LOOK_EVERY_S):
            channel_selector.LOOK_EVERY_S = every_s
            shares.append(_share(channels))
        channel_selector.LOOK_EVERY_S = every_s
        print(f"| {channels} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)


def _share(channels: int) -> float:
    """Return the share of a core that selection at 48 kHz takes, once a channel is chosen."""
    clean = np.resize(speech(), 40 * SAMPLE_RATE_HZ)
    noise = np.random.default_rng(0).normal(0, 0.003, (3 * len(clean), channels))
    samples = (noise + np.repeat(clean, 3)[:, np.newaxis]).astype(np.float32)
    selector, block = ChannelSelector(), 1536
    for start in range(0, len(samples) // 4, block):
        selector(samples[start : start + block], 48_000)
    first = len(samples) // 4 // block * block
    started = time.process_time()
    for start in range(first, len(samples) - block, block):
        selector(samples[start : start + block], 48_000)
    return (time.process_time() - started) / ((len(samples) - first) / 48_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--levels", nargs="+", type=float, default=[-40.0, -30.0, -20.0])
    parser.add_argument("--cost", action="store_true")
    arguments = parser.parse_args()
    if arguments.cost:
        cost()
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
