"""Features of one hop: this package's, librosa's and openSMILE's, turn by turn on the same sound.

This package computes the frames of the hop that is new, in blocks of 32 ms. The others have no
streaming form: they compute the whole window of 5 s again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import librosa
import numpy as np

from benchmarks.measuring import MODEL, Result, latency_summary, milliseconds, run_part
from benchmarks.sound import BLOCK_LENGTH, programme
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.info import find_model, read_info
from ser_stream.units import SAMPLE_RATE_HZ

WINDOW_S, HOP_S = 5.0, 0.5


def librosa_frames(samples: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """Return librosa's log-mel frames of samples (n,), equal to this package's, (frames, mels)."""
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE_HZ, n_fft=config.n_fft, hop_length=config.hop_length,
        win_length=config.win_length, window=config.window, center=False, n_mels=config.n_mels,
        fmin=config.fmin, fmax=config.fmax,
    )  # fmt: skip
    return librosa.power_to_db(power, ref=1.0, top_db=None).T


def opensmile_functionals() -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that computes the 88 functionals of eGeMAPSv02 of samples (n,).

    Raises:
        ModuleNotFoundError: openSMILE is not installed.
    """
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    return lambda samples: smile(samples, SAMPLE_RATE_HZ)


def measure(arguments: argparse.Namespace) -> Result:
    """Time each contestant once per hop."""
    n_hops = 3 if arguments.quick else 400
    config = read_info(find_model(MODEL)).features
    length, hop = round(WINDOW_S * SAMPLE_RATE_HZ), round(HOP_S * SAMPLE_RATE_HZ)
    samples = programme(WINDOW_S + n_hops * HOP_S)
    stream = config.stream()
    whole: dict[str, Callable[[np.ndarray], object]] = {
        "librosa": lambda window: librosa_frames(window, config)
    }
    reasons = {}
    try:
        whole["openSMILE eGeMAPSv02"] = opensmile_functionals()
    except (ImportError, OSError) as error:
        reasons["openSMILE eGeMAPSv02"] = f"not installed or not usable: {error}"
    times: dict[str, list[float]] = {name: [] for name in ("ser_stream", *whole)}
    for call in whole.values():  # the first call of each loads code
        call(samples[:length])
    fed = 0
    for end in range(length, len(samples) + 1, hop):
        spent = 0.0
        while fed + BLOCK_LENGTH <= end:
            block = samples[fed : fed + BLOCK_LENGTH]
            spent += milliseconds(lambda block=block: stream(block))
            fed += BLOCK_LENGTH
        if end > length:  # the first window is fed at once
            times["ser_stream"].append(spent)
        window = samples[end - length : end]
        for name, call in whole.items():
            times[name].append(milliseconds(lambda call=call, window=window: call(window)))
    return {
        "window_s": WINDOW_S,
        "hop_s": HOP_S,
        "contestants": {name: latency_summary(found) for name, found in times.items()},
        "missing": reasons,
    }


if __name__ == "__main__":
    run_part(measure)
