"""Damaged, cut and appended sound files, for `fuzz_audio.py`."""

from __future__ import annotations

import dataclasses
import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

FORMATS = {
    "wav": ("WAV", "PCM_16"), "wav-24": ("WAV", "PCM_24"), "wav-float": ("WAV", "FLOAT"),
    "wav-adpcm": ("WAV", "IMA_ADPCM"), "wav-extensible": ("WAVEX", "PCM_16"),
    "rf64": ("RF64", "PCM_16"), "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"), "au": ("AU", "PCM_16"), "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
"""Name of a format -> libsndfile's names of the container and the codec."""

RATES_HZ = (16_000, 24_000, 48_000)

LENGTHS = [
    0, 1, 7, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 2_000_000_000, 1 << 20,
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SoundFile:
    """An undamaged file.

    Attributes:
        format: a key of `FORMATS`.
        content: its bytes.
        seconds: its length.
    """

    format: str
    content: bytes
    seconds: float


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A changed file.

    Attributes:
        kind: what was changed, for the table.
        format: of the file.
        content: its bytes.
        seconds: length that has to be read without an error; None: it is not known.
        is_cut: whether the end is missing, which must not pass without an error.
    """

    kind: str
    format: str
    content: bytes
    seconds: float | None = None
    is_cut: bool = False


def sound_files(folder: Path) -> list[SoundFile]:
    """Return the first seconds of the recordings of a folder in all formats and rates."""
    found = []
    for number, path in enumerate(sorted(folder.glob("*.flac"))[:3]):
        samples, rate_hz = soundfile.read(path, dtype="float32")
        target_hz = RATES_HZ[number % len(RATES_HZ)]
        samples = soxr.resample(samples[: (2 + number) * rate_hz], rate_hz, target_hz)
        if number == 1:
            samples = np.stack([samples, 0.5 * samples], axis=1)
        for name, (container, codec) in FORMATS.items():
            file = io.BytesIO()
            soundfile.write(file, samples, target_hz, format=container, subtype=codec)
            seconds = len(soundfile.read(io.BytesIO(file.getvalue()))[0]) / target_hz
            found.append(SoundFile(name, file.getvalue(), seconds))
    return found


def mutate(files: list[SoundFile], number: int) -> Mutation:
    """Return a changed file; the number chooses the file and the change."""
    rng = random.Random(number)
    file = rng.choice(files)
    kind = rng.choice(list(KINDS))
    return KINDS[kind](file, files, rng)


def _undamaged(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    return Mutation("undamaged", file.format, file.content, file.seconds)


def _bytes_changed(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    content = bytearray(file.content)
    for _ in range(rng.choice([1, 3, 30, 300])):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return Mutation("bytes changed", file.format, bytes(content))


def _header_changed(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    content = bytearray(file.content)
    for _ in range(rng.choice([1, 2, 5])):
        content[rng.randrange(min(128, len(content)))] = rng.choice([0, 1, 127, 128, 255])
    return Mutation("header changed", file.format, bytes(content))


def _length_changed(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    content, size = bytearray(file.content), rng.choice([2, 4, 8])
    place = 2 * rng.randrange(min(100, len(content) // 2))
    order = rng.choice(["little", "big"])
    value = rng.choice(LENGTHS) % (1 << 8 * size)
    content[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
    return Mutation("length changed", file.format, bytes(content))


def _cut(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    share = rng.uniform(0.3, 0.9)
    content = file.content[: int(share * len(file.content))]
    return Mutation("cut off", file.format, content, is_cut=True)


def _cut_short(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    return Mutation("cut in its header", file.format, file.content[: rng.randrange(1, 200)])


def _range_removed(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    start, n = _range(file, rng)
    return Mutation("range removed", file.format, file.content[:start] + file.content[start + n :])


def _range_zeroed(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    start, n = _range(file, rng)
    content = bytearray(file.content)
    content[start : start + n] = bytes(len(content[start : start + n]))
    return Mutation("range zeroed", file.format, bytes(content))


def _range_repeated(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    start, n = _range(file, rng)
    part = file.content[start : start + n]
    times = rng.choice([1, 10])
    content = file.content[:start] + times * part + file.content[start:]
    return Mutation("range repeated", file.format, content)


def _noise_inserted(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    start, n = _range(file, rng)
    noise = rng.choice([rng.randbytes(n), bytes(n), b"\xff" * n, b"OggS" * n, b"\xff\xfb\x90" * n])
    content = file.content[:start] + noise + file.content[start:]
    return Mutation("noise inserted", file.format, content)


def _beginning_lost(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    content = file.content[rng.randrange(1, len(file.content)) :]
    return Mutation("beginning lost", file.format, content)


def _appended(file: SoundFile, files: list[SoundFile], rng: random.Random) -> Mutation:
    parts = [file, *(rng.choice(files) for _ in range(rng.choice([1, 2])))]
    content = b"".join(part.content for part in parts)
    seconds = sum(part.seconds for part in parts)
    return Mutation("appended", file.format, content, seconds)


def _appended_damaged(file: SoundFile, files: list[SoundFile], rng: random.Random) -> Mutation:
    damage = rng.choice([_bytes_changed, _header_changed, _cut, _range_zeroed, _beginning_lost])
    parts = [damage(file, files, rng).content, damage(rng.choice(files), files, rng).content]
    return Mutation("appended and damaged", file.format, b"".join(parts))


def _noise(file: SoundFile, _: list[SoundFile], rng: random.Random) -> Mutation:
    return Mutation(
        "noise", file.format, file.content[: rng.choice([0, 12])] + rng.randbytes(20_000)
    )


def _range(file: SoundFile, rng: random.Random) -> tuple[int, int]:
    """Return the start and the length of a range of bytes."""
    return rng.randrange(len(file.content)), rng.choice([1, 4, 64, 1000, 5000])


KINDS: dict[str, Callable[[SoundFile, list[SoundFile], random.Random], Mutation]] = {
    function.__name__: function
    for function in (
        _undamaged, _bytes_changed, _header_changed, _length_changed, _cut, _cut_short,
        _range_removed, _range_zeroed, _range_repeated, _noise_inserted, _beginning_lost,
        _appended, _appended_damaged, _noise,
    )
}  # fmt: skip
