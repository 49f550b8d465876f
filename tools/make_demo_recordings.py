"""Make the recordings of `ser-stream demo`: one synthesised voice, four emotions.

Sentences are spoken by hibari-tts, and their prosody is changed with the vocoder WORLD as listeners
describe emotional speech: Scherer, "Vocal communication of emotion", Speech Communication 40, 2003;
Juslin and Laukka, "Communication of emotions in vocal expression and music performance",
Psychological Bulletin 129(5), 2003, Table 7; Murray and Arnott, JASA 93(2), 1993.

| emotion | pitch | pitch range | tempo | level | high frequencies | pauses |
|---|---|---|---|---|---|---|
| neutral | a little low | narrow | | medium | | |
| happy | high | wide | | raised | | |
| sad | low | narrow | slow | low | weak | long |
| angry | raised | raised | fast | high | strong | short |

Within these directions, values were chosen by the mean probability that the shipped models of
speech give to the intended emotion; none was trained on this voice. 438 combinations were tried, of
the values below; round ones in the middle of what all models agree on were taken. For the present
`default`, which took the first sad recording for a neutral one, 50 more of sad were tried. So the
recordings show what the software does, not how accurate it is.

| emotion | pitch | range | tempo | tilt, dB per octave | dynamics |
|---|---|---|---|---|---|
| neutral | 0.85, 0.92, 1 | 0.4, 0.5, 0.6, 0.7, 1 | 0.9, 1, 1.1 | -2, -1, 0 | 0.7, 1 |
| happy | 1.15, 1.3, 1.45, 1.6 | 1.2, 1.5, 1.8 | 1, 1.1 | -1, 0, 1.5 | 1, 1.3 |
| sad | 0.85 to 1.25 | 0.4, 0.5, 0.6, 0.7, 0.8 | 0.7 to 0.9 | -6, -5, -4, -2, 0 | 0.7, 1, 1.2 |
| angry | 1, 1.1, 1.15, 1.3, 1.5 | 1.2, 1.5 | 1.1, 1.15, 1.25 | 2, 4 | 1, 1.3, 1.4 |

Shifted formants (0.9 to 1.12) and added breath were tried as well, without gain.

    python -m venv demo-venv
    demo-venv/bin/pip install hibari-tts==0.2.1 pyworld==0.3.5 'setuptools<81' soundfile soxr
    PYTHONPATH=. demo-venv/bin/python tools/make_demo_recordings.py
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser_stream.files import replacing

DEMO = Path(__file__).parent.parent / "ser_stream" / "demo"
SAMPLE_RATE_HZ = 16_000
SILENCE_S = 0.8
"""Silence before and after the speech."""
ROOM_NOISE = 1e-4
"""Standard deviation of the noise that is added, as of a quiet room."""
SEED = 0
LICENCE = "Apache-2.0"

TILT_FROM_HZ, TILT_PIVOT_HZ = 125.0, 1000.0
"""The spectral tilt is constant below the first frequency, and changes nothing at the second."""
MAX_CUT_DB, MAX_BOOST_DB = 15.0, 9.0
"""Limits of what `Prosody.dynamics` changes."""
SPEECH_ABOVE = 0.02
"""Share of the largest sample that speech exceeds: what comes before and behind it is cut off."""
BEFORE_S, BEHIND_S = 0.03, 0.06
"""What is kept beside it: quiet sounds at the beginning and the end."""


@dataclass(frozen=True)
class Prosody:
    """How a sentence is spoken, relative to the synthesiser's own way."""

    pitch: float = 1.0
    """Factor of the mean fundamental frequency."""
    pitch_range: float = 1.0
    """Factor of the deviations from that mean, in semitones."""
    tempo: float = 1.0
    """Factor of the speed."""
    tilt_db: float = 0.0
    """Rise of the spectrum in dB per octave."""
    dynamics: float = 1.0
    """Factor of the deviations of the level from its mean, in dB."""
    level_dbfs: float = -26.0
    """Level of the speech, with its pauses."""
    pause_s: float = 0.25
    """Pause between two sentences."""


@dataclass(frozen=True)
class DemoRecording:
    """A recording: what is said in it and how, and the checksum of the committed file."""

    sentences: tuple[str, ...]
    prosody: Prosody
    sha256: str

    @property
    def text(self) -> str:
        """All sentences."""
        return " ".join(self.sentences)


RECORDINGS = {
    "1-neutral": DemoRecording(
        ("The meeting begins at ten o'clock in the small room.",),
        Prosody(pitch=0.85, pitch_range=0.5, tempo=0.9, tilt_db=-1, level_dbfs=-28),
        "fcf99523972ce18c4f912fb62f7eeec7bbce04b4369703ca9773e753e4ff98ee",
    ),
    "2-happy": DemoRecording(
        ("That is wonderful!", "I am so glad that you came today!"),
        Prosody(pitch=1.45, pitch_range=1.5, level_dbfs=-24, pause_s=0.25),
        "30c3fa083c0758076344bbdcf17ac194f7748bc3b98916cac947ab6babc84b8c",
    ),
    "3-sad": DemoRecording(
        ("He is gone now.", "I sit here, and nobody calls."),
        Prosody(pitch=0.92, pitch_range=0.4, tempo=0.7, tilt_db=-6, level_dbfs=-32, pause_s=0.45),
        "49f6d1639ace17f866fa3fe54712dcf7f28a8741c3548c45f704d22a1fca41f5",
    ),
    "4-angry": DemoRecording(
        ("I told you not to touch that!", "Leave it alone, now!"),
        Prosody(
            pitch=1.1,
            pitch_range=1.2,
            tempo=1.15,
            tilt_db=4,
            dynamics=1.3,
            level_dbfs=-20,
            pause_s=0.15,
        ),
        "ee0fd4033217de338cbe0698aecae6aae276ef696ec097bf7e3bca11e5bac97e",
    ),
}
"""Name of the file -> the recording; what follows the hyphen is the intended emotion."""


@dataclass(frozen=True)
class Analysis:
    """WORLD's description of a sentence, in frames of 5 ms."""

    pitch_hz: NDArray[np.float64]
    """(frames,), 0 where there is no voice."""
    spectrum: NDArray[np.float64]
    """(frames, bins): power of the spectral envelope."""
    aperiodicity: NDArray[np.float64]
    """(frames, bins): share of noise."""
    rate_hz: int


def analysed(sentence: str, tempo: float) -> Analysis:
    """Return a synthesised sentence as WORLD describes it."""
    import pyworld

    speech = _synthesiser()(sentence, speed=tempo, seed=SEED).astype(np.float64)
    rate_hz = _synthesiser().sample_rate
    pitch_hz, times = pyworld.harvest(speech, rate_hz)
    spectrum = pyworld.cheaptrick(speech, pitch_hz, times, rate_hz)
    aperiodicity = pyworld.d4c(speech, pitch_hz, times, rate_hz)
    return Analysis(pitch_hz, spectrum, aperiodicity, rate_hz)


@cache
def _synthesiser():
    from hibari import Hibari

    return Hibari(voice="heart")


def spoken(sentences: tuple[str, ...], prosody: Prosody) -> NDArray[np.float32]:
    """Return a recording (n,) float32 at 16 kHz."""
    parts = [analysed(sentence, prosody.tempo) for sentence in sentences]
    voiced = [part.pitch_hz > 0 for part in parts]
    mean_pitch = np.mean(
        np.concatenate([np.log(p.pitch_hz[v]) for p, v in zip(parts, voiced, strict=True)])
    )
    mean_db = np.mean(
        np.concatenate([_level_db(p.spectrum[v]) for p, v in zip(parts, voiced, strict=True)])
    )
    rate_hz = parts[0].rate_hz
    speech = [_trimmed(_reshaped(part, prosody, mean_pitch, mean_db), rate_hz) for part in parts]
    pause = np.zeros(round(prosody.pause_s * rate_hz))
    joined = np.concatenate([piece for each in speech for piece in (pause, each)][1:])
    joined = soxr.resample(joined, rate_hz, SAMPLE_RATE_HZ)
    joined *= 10 ** (prosody.level_dbfs / 20) / np.sqrt(np.mean(joined**2))
    samples = np.pad(joined, round(SILENCE_S * SAMPLE_RATE_HZ))
    samples += ROOM_NOISE * np.random.default_rng(SEED).standard_normal(len(samples))
    return np.clip(samples, -1, 1).astype(np.float32)


def _reshaped(
    part: Analysis, prosody: Prosody, mean_pitch: float, mean_db: float
) -> NDArray[np.float64]:
    """Return the speech of a sentence, (n,), with another prosody.

    Args:
        mean_pitch: mean of the logarithm of the pitch in Hz, of all sentences.
        mean_db: their mean level in dB where there is voice.
    """
    import pyworld

    voiced = part.pitch_hz > 0
    pitch_hz = np.zeros_like(part.pitch_hz)
    deviations = np.log(part.pitch_hz[voiced]) - mean_pitch
    pitch_hz[voiced] = np.exp(mean_pitch + np.log(prosody.pitch) + prosody.pitch_range * deviations)
    bins_hz = np.linspace(0, part.rate_hz / 2, part.spectrum.shape[1])
    octaves = np.log2(np.maximum(bins_hz, TILT_FROM_HZ) / TILT_PIVOT_HZ)
    change_db = (prosody.dynamics - 1) * (_level_db(part.spectrum) - mean_db)
    change_db = np.clip(change_db, -MAX_CUT_DB, MAX_BOOST_DB)
    gain_db = prosody.tilt_db * octaves + change_db[:, np.newaxis]
    spectrum = part.spectrum * 10 ** (gain_db / 10)
    return pyworld.synthesize(pitch_hz, spectrum, part.aperiodicity, part.rate_hz)


def _level_db(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the level of each frame."""
    return 10 * np.log10(spectrum.sum(axis=1) + 1e-12)


def _trimmed(samples: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Return the speech without the silence before and behind it."""
    speech = np.flatnonzero(np.abs(samples) > SPEECH_ABOVE * np.abs(samples).max())
    start = max(0, speech[0] - round(BEFORE_S * rate_hz))
    return samples[start : speech[-1] + round(BEHIND_S * rate_hz)]


def write(path: Path, samples: NDArray[np.float32], text: str) -> None:
    """Write a FLAC file of 16 bits; its tags hold what is said, and the licence."""
    with (
        replacing(path) as file,
        soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, "PCM_16", format="FLAC") as sound,
    ):
        sound.title, sound.license = text, LICENCE
        sound.write(samples)


def main() -> None:
    """Write the recordings into the package, and say which are not the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=DEMO, metavar="DIR")
    folder = parser.parse_args().output
    for name, recording in RECORDINGS.items():
        path = folder / f"{name}.flac"
        write(path, spoken(recording.sentences, recording.prosody), recording.text)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        same = "as committed" if found == recording.sha256 else f"SHA-256 {found}"
        print(f"{path}: {same}")


if __name__ == "__main__":
    main()
