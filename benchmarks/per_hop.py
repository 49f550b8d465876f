"""The time of one estimate by this package and by a straightforward baseline, in the same run.

    python benchmarks/per_hop.py [FILE ...] [--model NAME|DIR] [--rounds N]

Both process the same speech with one thread, one after the other:

* package: `StreamWindower` and `WindowScorer`, which compute everything once and keep it;
* baseline: at each hop librosa's log-mel of the last five seconds, then the same network over all
  of it.

Prints the milliseconds from the completion of a window to its estimate (p50, p99); for the package
also the share of one core that real-time recognition takes (features and voice activity included),
and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import librosa
import numpy as np
import torch

from ser_stream.audio.block import AudioBlock
from ser_stream.data.feature_cache import read_samples
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.checkpoint import load_model
from ser_stream.stream.model_settings import scoring_settings, window_settings
from ser_stream.stream.scoring import WindowScorer
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.windowing import StreamWindower
from ser_stream.units import SAMPLE_RATE_HZ

DEMO = Path(__file__).parent.parent / "ser_stream" / "demo"
BLOCK_LENGTH = 512


def time_package(samples: np.ndarray, model, info) -> tuple[list[float], float]:
    """Return milliseconds per window, and CPU seconds per second of sound."""
    settings = RecognizerSettings()
    windows = window_settings(model, settings)
    windower = StreamWindower(windows, settings.turns)
    scorer = WindowScorer(model, info.name, scoring_settings(model, info, settings, windows))
    times = []
    started = time.process_time()
    for end in range(BLOCK_LENGTH, len(samples), BLOCK_LENGTH):
        part = samples[end - BLOCK_LENGTH : end, None]
        for window in windower.push(AudioBlock(part, SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, 0.0)):
            before = time.perf_counter()
            scorer(window)
            times.append(1e3 * (time.perf_counter() - before))
    return times, (time.process_time() - started) / (len(samples) / SAMPLE_RATE_HZ)


def time_baseline(samples: np.ndarray, model, config: LogMelConfig) -> list[float]:
    """Return milliseconds per window."""
    length = config.samples_for(model.window_frames)
    hop = model.hop_frames * config.hop_length
    times = []
    with torch.inference_mode():
        for end in range(length, len(samples), hop):
            before = time.perf_counter()
            power = librosa.feature.melspectrogram(
                y=samples[end - length : end], sr=SAMPLE_RATE_HZ, n_fft=config.n_fft,
                hop_length=config.hop_length, win_length=config.win_length, window=config.window,
                center=False, n_mels=config.n_mels, fmin=config.fmin, fmax=config.fmax,
            )  # fmt: skip
            frames = librosa.power_to_db(power, ref=1.0, top_db=None).T
            model(torch.from_numpy(frames)[None].float()).softmax(dim=1)
            times.append(1e3 * (time.perf_counter() - before))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=sorted(DEMO.glob("*.flac")))
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, info = load_model(arguments.model)
    samples = np.concatenate([read_samples(path) for path in arguments.files])
    package_ms, baseline_ms, shares = [], [], []
    for number in range(arguments.rounds + 1):
        times, share = time_package(samples, model, info)
        baseline_times = time_baseline(samples, model, model.features)
        if number:  # the first round warms up
            package_ms += times
            baseline_ms += baseline_times
            shares.append(share)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, times in (("package", package_ms), ("baseline", baseline_ms)):
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{name}: {len(times)} windows, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    ratio = np.median(baseline_ms) / np.median(package_ms)
    print(f"ratio of medians, baseline to package: {ratio:.1f}")
    print(f"package, share of one core in real time: {np.median(shares):.1%}")
    print(f"peak memory of this process, librosa and both included: {peak_mib:.0f} MiB")


if __name__ == "__main__":
    main()
