"""Decode damaged audio messages of ROS, and print what became of each kind.

    python tools/fuzz_messages.py                  # 1000 messages
    python tools/fuzz_messages.py --cases 100

Needs no ROS: the messages are objects with the same fields. Each starts as a good one, of one of
the types and sample formats that are accepted, of which fields are replaced. By its fields alone a
reference of a few lines decides whether it is good, and what its samples are. A bad message has to
be refused by one line, a good one has to give the samples of the reference, and the good message
that follows has to be received in either case. A message that takes longer than a minute counts as
hung.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import random
import signal
import struct
import sys
import traceback
from array import array
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

import fuzzing
from fuzzing import ACCEPTED, REFUSED, Outcomes, peak_mb
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.audio_topic import AudioMessages

HANGS_AFTER_S = 60
MAX_LINE = 600
"""Characters of an error that are still one line for people."""

GOOD = (REFUSED, ACCEPTED)
NOUN = "messages"

BITS = {8: "b", 16: "h", 32: "i"}
PORTAUDIO = {"F32LE": (1, "float32"), "S32LE": (2, "int32"), "S16LE": (8, "int16")} | {
    "S8": (16, "int8"), "U8": (32, "uint8"),
}  # fmt: skip
TYPE_CODES = {"float32": "f", "int32": "i", "int16": "h", "int8": "b", "uint8": "B"}
INTEGERS = ("S16", "U16", "S24", "U24", "S24_32", "U24_32", "S32", "U32")
FORMATS = [f"{name}{order}" for name in (*INTEGERS, "F32", "F64") for order in ("LE", "BE")]
FORMATS += ["S8", "U8"]
ENCODED = (b"ID3", b"OggS", b"fLaC", b"RIFF")
"""First bytes that no samples are taken for."""


class Endless:
    """Data of a length that nobody has memory for: whatever reads it fails."""

    itemsize = 1

    def __len__(self) -> int:
        return 10**12

    def _read(self, *_: object) -> Any:
        raise MemoryError("data that is too large was read")

    __getitem__ = __iter__ = __array__ = tobytes = _read


@dataclasses.dataclass
class Fields:
    """What a message says, in whichever type."""

    audio_type: str
    data: bytes | Endless
    sample_format: str
    channels: int
    rate_hz: int
    frame_id: str = "mic"
    sec: int = 1_700_000_000
    nanosec: int = 0
    coding_format: str = "wave"
    portaudio: int = 0  # number of the format in mgonzs13's messages


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    return fuzzing.main(__doc__, run, GOOD, NOUN, arguments)


def run(cases: int, first: int = 0) -> Outcomes:
    """Run cases, in this process; return what became of them."""
    outcomes = Outcomes(GOOD, NOUN)
    kept = AudioMessages(AudioFormat(), lambda block: None)  # receives all messages of the run
    for number in range(first, first + cases):
        rng = random.Random(number)
        fields = good_fields(rng)
        replaced = MUTATIONS[number % len(MUTATIONS)]
        mutate(fields, replaced, rng)
        try:
            with _time_limit():
                outcome = receive(fields)
                _push(kept, fields)
        except Exception:  # what the test is for
            outcome = traceback.format_exc().strip().splitlines()[-1]
        case = f"case {number}, {replaced} of {str(fields)[:300]}"
        outcomes.add(case, f"{fields.audio_type}: {replaced}", outcome, {"peak_mb": peak_mb()})
    return outcomes


def good_fields(rng: random.Random) -> Fields:
    """Return the fields of a message that is accepted."""
    audio_type = rng.choice(("AudioData", "AudioDataStamped", "AudioStamped", "AudioBuffer"))
    sample_format = {"AudioStamped": rng.choice(list(PORTAUDIO)), "AudioBuffer": "S16LE"}.get(
        audio_type, rng.choice(FORMATS)
    )
    channels = rng.choice((1, 1, 2, 3, 6, 8, 32))
    data = _samples(rng, sample_format, channels * rng.randint(1, 40))
    portaudio = PORTAUDIO.get(sample_format, (0, ""))[0]
    rates = (4_000, 16_000, 44_100, 48_000) + (192_000,) * (audio_type != "AudioBuffer")
    return Fields(audio_type, data, sample_format, channels, rng.choice(rates), portaudio=portaudio)


def _samples(rng: random.Random, sample_format: str, n: int) -> bytes:
    if sample_format.startswith("F"):
        order, code = "<>"[sample_format.endswith("BE")], "fd"[sample_format[1:3] == "64"]
        return struct.pack(f"{order}{n}{code}", *(rng.uniform(-1, 1) for _ in range(n)))
    return rng.randbytes(n * _sample_bytes(sample_format))


def _sample_bytes(sample_format: str) -> int:
    container = sample_format[1:].removesuffix("LE").removesuffix("BE").rpartition("_")[2]
    return int(container) // 8


MUTATIONS = (
    "nothing", "length", "start", "values", "endless data", "channels", "rate", "format",
    "frame", "stamp", "several fields",
)  # fmt: skip
"""What is replaced."""


def mutate(fields: Fields, replaced: str, rng: random.Random) -> None:
    """Replace fields of a message."""
    if replaced == "several fields":
        for one in rng.sample(MUTATIONS[1:-1], 3):
            mutate(fields, one, rng)
        return
    if isinstance(fields.data, bytes):
        if replaced == "length":
            longer = fields.data * rng.choice((1, 2, 1000))
            fields.data = longer[: rng.choice((0, 1, 2, 3, 4, 6, 12, rng.randint(0, len(longer))))]
        elif replaced == "start":
            start = rng.choice((*ENCODED, b"\xff\xfb\x90\x00", b"\xff\xf3", rng.randbytes(4)))
            fields.data = start + fields.data[len(start) :]
        elif replaced == "values":
            fields.data = rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80", b"\xf8")) * len(
                fields.data
            )
    if replaced == "endless data":
        fields.data = Endless()
    elif replaced == "channels":
        fields.channels = rng.choice((-(2**31), -1, 0, 1, 2, 31, 32, 33, 255, 2**31 - 1))
    elif replaced == "rate":
        fields.rate_hz = rng.choice((-(2**31), -1, 0, 1, 3999, 4000, 65_535, 192_001, 2**31 - 1))
    elif replaced == "format":
        odd = ("", "s16le", "S16LE ", "S20LE", "x" * 10**6, "S16\nLE", "\x1b[2J")
        fields.sample_format = rng.choice((*FORMATS, *odd))
        fields.coding_format = rng.choice(("wave", "WAVE", "", "mp3", "w" * 10**6, "wave\n"))
        fields.portaudio = rng.choice((-1, 0, 1, 2, 4, 8, 16, 32, 64, 2**31 - 1))
    elif replaced == "frame":
        length = rng.choice((0, 1, 255, 256, 10**6))
        fields.frame_id = "m" * length + rng.choice(("", "", "\n", "\0", "\x1b[2J", "é", "\u2028"))
    elif replaced == "stamp":
        fields.sec = rng.choice((-(2**31), -1, 0, 1, 2**31 - 1, rng.randint(-(2**31), 2**31 - 1)))
        fields.nanosec = rng.choice((0, 1, 999_999_999, 10**9, 2**32 - 1))


def receive(fields: Fields) -> str:
    """Pass a message and a good one to a topic, and return the outcome, or what is wrong."""
    blocks: list[Any] = []
    topic = AudioMessages(AudioFormat(), blocks.append, now_s=lambda: 1.8e9)
    _push(topic, fields)
    error, found = topic.last_error, [block.samples for block in blocks]
    good = Fields("AudioDataStamped", bytes(3200), "S16LE", 1, 16_000)
    _push(topic, good)
    if topic.last_error or len(blocks) != len(found) + 1:
        return "the next message was not received"
    expected = reference(fields)
    if not found:
        if expected is not None:
            return f"refused a good message: {error[:200]}"
        one_line = error.isprintable() and 0 < len(error) < MAX_LINE
        return REFUSED if one_line else f"refused by no line of its own: {error[:200]!r}"
    if expected is None:
        return "accepted a bad message"
    if blocks[0].sample_rate_hz != fields.rate_hz or not math.isfinite(blocks[0].time_s):
        return "accepted with another rate or time"
    if found[0].dtype != np.float32 or not np.array_equal(found[0], expected, equal_nan=True):
        return "accepted with other samples"
    return ACCEPTED


def reference(fields: Fields) -> np.ndarray | None:
    """Return the samples (n, channels) of a message; None: it has to be refused."""
    data, sample_format = fields.data, fields.sample_format
    if isinstance(data, Endless) or not (1 <= fields.channels <= 32):
        return None
    stamped = fields.audio_type != "AudioData"
    if stamped and (len(fields.frame_id) > 255 or not fields.frame_id.isprintable()):
        return None
    if not 4_000 <= fields.rate_hz <= 192_000 or (stamped and fields.nanosec >= 10**9):
        return None
    if fields.audio_type == "AudioStamped":
        sample_format = {n: name for name, (n, _) in PORTAUDIO.items()}.get(fields.portaudio, "")
        held = _field_of(fields)
        if not sample_format or PORTAUDIO[sample_format][1] != held:
            return None
    elif fields.audio_type == "AudioBuffer":
        sample_format = "S16LE"
    elif (
        fields.coding_format.upper() not in ("WAVE", "")
        or sample_format not in FORMATS
        or data.startswith(ENCODED)
        or _is_mp3(data)
    ):
        return None
    size = _sample_bytes(sample_format)
    if fields.audio_type in ("AudioStamped", "AudioBuffer"):
        data = data[: len(data) // size * size]  # these hold whole values
    n, rest = divmod(len(data), size * fields.channels)
    if rest or not 0 < n <= 60 * fields.rate_hz:
        return None
    values = [
        _value(data[start : start + size], sample_format) for start in range(0, len(data), size)
    ]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(values).astype(np.float32).reshape(-1, fields.channels)


def _is_mp3(data: bytes) -> bool:
    """Whether the bytes are one MP3 frame, or begin with two: which is said to be refused."""
    from ser_stream.ros.encoded_audio import detect_encoding

    return detect_encoding(data) == "MP3"


def _value(sample: bytes, sample_format: str) -> float:
    """One sample, full scale +-1."""
    order = "big" if sample_format.endswith("BE") else "little"
    if sample_format.startswith("F"):
        code = "fd"[len(sample) == 8]
        return struct.unpack("<>"[order == "big"] + code, sample)[0]
    bits = 24 if "24" in sample_format else 8 * len(sample)
    value = int.from_bytes(sample, order) & (2**bits - 1)
    if sample_format.startswith("U"):
        return float(np.float32(value << (32 - bits)) - np.float32(2**31)) / 2**31
    return (value - 2**bits * (value >> (bits - 1))) / 2 ** (bits - 1)


def _field_of(fields: Fields) -> str:
    """The field of mgonzs13's message that holds the data: that of the original format."""
    return PORTAUDIO.get(fields.sample_format, (0, "int16"))[1]


def _push(topic: AudioMessages, fields: Fields) -> None:
    """Pass a message to a topic, and what is joined on."""
    if fields.audio_type in ("AudioData", "AudioDataStamped"):
        topic.push_info(_info(fields))
    topic.push_message(message(fields))
    topic.push_info(_info(Fields("AudioData", b"", "S16LE", 1, 16_000)))


def _info(fields: Fields) -> SimpleNamespace:
    return SimpleNamespace(
        channels=fields.channels, sample_rate=fields.rate_hz, bitrate=0,
        sample_format=fields.sample_format, coding_format=fields.coding_format,
    )  # fmt: skip


def message(fields: Fields) -> SimpleNamespace:
    """Return the message with these fields."""
    stamp = SimpleNamespace(sec=fields.sec, nanosec=fields.nanosec)
    header = SimpleNamespace(stamp=stamp, frame_id=fields.frame_id)
    if fields.audio_type == "AudioBuffer":
        channel_map = array("B", bytes(min(max(0, fields.channels), 10**6)))
        return SimpleNamespace(
            header=header, frequency=fields.rate_hz, channel_map=channel_map,
            data=_array("h", fields.data),
        )  # fmt: skip
    if fields.audio_type != "AudioStamped":
        audio = SimpleNamespace(data=_array("B", fields.data))
        if fields.audio_type == "AudioData":
            return audio
        return SimpleNamespace(header=header, audio=audio)
    data = {f"{name}_data": array(code) for name, code in TYPE_CODES.items()}
    held = _field_of(fields)
    data[f"{held}_data"] = _array(TYPE_CODES[held], fields.data)
    about = SimpleNamespace(
        format=fields.portaudio, channels=fields.channels, rate=fields.rate_hz, chunk=512
    )
    content = SimpleNamespace(audio_data=SimpleNamespace(**data), info=about)
    return SimpleNamespace(header=header, audio=content)


def _array(code: str, data: bytes | Endless) -> Any:
    if isinstance(data, Endless):
        return data
    values = array(code)
    values.frombytes(data[: len(data) // values.itemsize * values.itemsize])
    return values


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise an error in what takes too long."""

    def expire(*_: object) -> None:
        raise TimeoutError("hung")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


if __name__ == "__main__":
    logging.getLogger("ser_stream").setLevel(logging.CRITICAL)
    sys.exit(main())
