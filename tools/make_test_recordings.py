"""Make the recordings of tests and benchmarks with espeak-ng, for use without restrictions.

Voice, pitch, speed and loudness imitate emotional speech (Murray and Arnott, "Toward the simulation
of emotion in synthetic speech", JASA 93(2), 1993). Tests need speech with known words and turns;
`ser-stream demo` has other recordings, of a natural voice: tools/make_demo_recordings.py.

    apt install espeak-ng; python tools/make_test_recordings.py
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ser_stream.files import replacing

FOLDER = Path(__file__).parent.parent / "tests" / "recordings"
SAMPLE_RATE_HZ = 16_000
SILENCE_S = 0.8
PAUSE_S = 0.4

# Name: text, voice, pitch (0-99), words per minute, level in dBFS. Two lines are two turns, with a
# pause between them.
RECORDINGS = {
    "1-neutral": ("The meeting begins at ten o'clock in the small room.", "en-us+m3", 40, 150, -26),
    "2-happy": ("That is wonderful! I am so glad that you came today!", "en-us+f3", 85, 175, -24),
    "3-sad": ("He is gone now.\nI sit here, and nobody calls.", "en-us+m7", 15, 105, -32),
    "4-angry": ("I told you not to touch that! Leave it alone, now!", "en-us+m1", 70, 190, -26),
}


def speak(text: str, voice: str, pitch: int, speed: int) -> np.ndarray:
    """Return synthesised speech (n,) at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/speech.wav"
        command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", path, text]
        subprocess.run(command, check=True)
        samples, sample_rate_hz = soundfile.read(path, dtype="float32")
    return soxr.resample(samples, sample_rate_hz, SAMPLE_RATE_HZ)


def main() -> None:
    """Write the recordings into the folder of the tests."""
    rng = np.random.default_rng(0)
    for name, (text, voice, pitch, speed, level_dbfs) in RECORDINGS.items():
        pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)
        lines = [speak(line, voice, pitch, speed) for line in text.splitlines()]
        speech = np.concatenate([part for line in lines for part in (pause, line)][1:])
        speech *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(speech**2))
        silence = np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.float32)
        samples = np.concatenate([silence, speech, silence])
        samples += 1e-4 * rng.standard_normal(len(samples)).astype(np.float32)  # a quiet room
        with replacing(FOLDER / f"{name}.flac") as file:
            soundfile.write(file, np.clip(samples, -1, 1), SAMPLE_RATE_HZ, format="FLAC")


if __name__ == "__main__":
    main()
