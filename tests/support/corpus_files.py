"""Miniatures of corpora: sound files of one millisecond, if nobody asks for more."""

from collections.abc import Sequence
from pathlib import Path

import soundfile


def sound(path: Path, samples: Sequence[float] = (0.0,) * 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, 16_000)
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ROOMS = """path,source,licence,room,dur_s,rt60_T20_s
rir/kitchen.wav,Samples@f5:house/kitchen.wav,Apache-2.0 (repo),kitchen,0.45,0.45
rir/hall.wav,OpenAIR via X@8b,CC BY-NC-SA,hall,2.2,1.99
rir/minster.wav,OpenAIR via X@8b,CC BY-SA,minster,3.5,6.77
"""
NOISES = """path,source,licence,kind,duration_s
noise/fan.wav,Household,"part own, part Freesound CC0",aircon,5.0
noise/n1.wav,Street,CC0,street,5.0
noise/cry.wav,Street,CC0,House/scream,5.0
noise/hu100_n91.wav,Hu,research only,various,5.0
noise/hu100_n1.wav,Hu,research only,various,5.0
"""


def rooms_and_noises(root: Path) -> Path:
    """Write three rooms and five noises, with `ROOMS` and `NOISES`, and two sounds of ESC-10."""
    for folder, table in (("rir", ROOMS), ("noise", NOISES)):
        text(root / folder / "index.csv", table)
        for line in table.splitlines()[1:]:
            sound(root / line.partition(",")[0], [0.5, 0.1] * 8000)
    for fold in (1, 4):
        sound(root / "esc10" / "rain" / f"{fold}-1-A.wav", [0.5, 0.1] * 8000)
    return root
