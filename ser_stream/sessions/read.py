"""Reading of a recorded session, also of one whose process was killed."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from ser_stream.audio.recording import Recording
from ser_stream.emotion import AUDIO, EMOTIONS, INTERVAL, UTTERANCE
from ser_stream.errors import InputError, message_line
from ser_stream.sessions.folder import EVENTS, FORMAT
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

MAX_LINE = 1 << 20

Time = Annotated[float, Meta(ge=-1e9, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Affect = Annotated[float, Meta(ge=-1, le=1)]
FileName = Annotated[str, Meta(pattern=r"^audio-[0-9]{1,6}\.flac$")]


class _Event(msgspec.Struct, tag_field="event", frozen=True):
    """A line of events.jsonl."""


class SessionEvent(_Event, tag="session", frozen=True):
    """The session itself."""

    format: int
    started: datetime.datetime
    model: str
    labels: tuple[str, ...]
    ser_stream: str = ""
    affect: bool = False


class SourceEvent(_Event, tag="source", frozen=True):
    """The source of all events up to the next one of this kind."""

    source: int
    name: str
    started: datetime.datetime


class RecordedWord(msgspec.Struct, frozen=True):
    """A word that was recognised."""

    text: str
    start_s: Time
    end_s: Time


class EstimateEvent(_Event, tag="estimate", frozen=True):
    """An estimate, with the keys of docs/json.md."""

    turn: int
    start_s: Time
    end_s: Time
    trigger: str
    modality: str
    expression: str
    confidence: Share
    valence: Affect
    arousal: Affect
    scores: dict[str, Share]
    reason: str = ""
    words: tuple[RecordedWord, ...] = ()
    late: bool = False


class SpeechEvent(_Event, tag="speech", frozen=True):
    """The words of a turn."""

    start_s: Time
    end_s: Time
    words: tuple[RecordedWord, ...] = ()


class StatusEvent(_Event, tag="status", frozen=True):
    """The state of the stream."""

    position_s: Time
    level_dbfs: float
    speaking: bool = False
    gaps: int = 0
    skipped: int = 0
    source: str = ""
    sound: str = ""
    inference: str = ""


class AudioEvent(_Event, tag="audio", frozen=True):
    """The time of a sample."""

    file: FileName
    sample: Annotated[int, Meta(ge=0)]
    time_s: Time


class EndEvent(_Event, tag="end", frozen=True):
    """The session was closed in order."""


Event = (
    SessionEvent | SourceEvent | EstimateEvent | SpeechEvent | StatusEvent | AudioEvent | EndEvent
)
_DECODER = msgspec.json.Decoder(Event)


@dataclasses.dataclass
class SourcePart:
    """What was recorded of one source, in the order of time.

    Attributes:
        name: of the source.
        started: when it was opened.
        audio: path of its sound; None where none was recorded.
    """

    name: str
    started: datetime.datetime
    audio: Path | None = None
    estimates: list[EstimateEvent] = dataclasses.field(default_factory=list)
    speech: list[SpeechEvent] = dataclasses.field(default_factory=list)
    status: list[StatusEvent] = dataclasses.field(default_factory=list)
    anchors: list[tuple[int, Seconds]] = dataclasses.field(default_factory=list)

    @property
    def intervals(self) -> list[EstimateEvent]:
        """The estimates of windows by their sound."""
        return [e for e in self.estimates if e.trigger == INTERVAL and e.modality == AUDIO]

    @property
    def turns(self) -> list[EstimateEvent]:
        """The newest estimate of each turn; of one with words, that by sound and words."""
        newest = {e.turn: e for e in self.estimates if e.trigger == UTTERANCE}
        return list(newest.values())

    @property
    def audio_start_s(self) -> Seconds:
        """The time of the first sample on the stream's clock."""
        if not self.anchors:
            return 0.0
        sample, time_s = self.anchors[0]
        return time_s - sample / SAMPLE_RATE_HZ

    def samples(self) -> np.ndarray:
        """Return the sound, (n,) float32 at 16 kHz; empty where none was recorded.

        Raises:
            InputError: nothing of the file can be read, or it is not what `--record` writes.
        """
        if self.audio is None:
            return np.zeros(0, np.float32)
        return _samples(self.audio)


@dataclasses.dataclass(frozen=True)
class Session:
    """A recorded session.

    Attributes:
        complete: whether it was closed in order.
    """

    folder: Path
    about: SessionEvent
    parts: list[SourcePart]
    complete: bool


def find_session(folder: Path) -> Path:
    """Return the folder of a session: this one, or the newest within it.

    Raises:
        InputError: there is none.
    """
    if (folder / EVENTS).is_file():
        return folder
    if not folder.exists():
        raise InputError(f"{folder}: found no such folder; needed is one of listen --record")
    if not folder.is_dir():
        raise InputError(f"{folder}: found a file; needed is the folder of a recorded session")
    found = [path.parent for path in folder.glob(f"*/{EVENTS}")]
    if not found:
        raise InputError(
            f"{folder}: found no {EVENTS}; needed is the folder of a session that "
            "ser-stream listen --record has made, or the folder of several"
        )
    return max(found, key=lambda path: (path.stat().st_mtime, path.name))


def read_session(folder: Path) -> Session:
    """Read a session; a last line that is cut off, as by a crash, is left out.

    Raises:
        InputError: it cannot be read, or a line is not what `listen --record` writes.
        OSError: the file cannot be opened.
    """
    path = folder / EVENTS
    events = _events(path)
    about = next(events, None)
    if not isinstance(about, SessionEvent):
        raise InputError(f"{path}: found no event session in its first line; the file is damaged")
    if about.format != FORMAT:
        raise InputError(
            f"{path}: found format {about.format}; accepted is {FORMAT}: use a newer ser_stream"
        )
    unknown = [label for label in about.labels if label not in EMOTIONS]
    if unknown:
        raise InputError(f"{path}: found the label {unknown[0]!r}, which is no emotion")
    parts: list[SourcePart] = []
    complete = False
    for event in events:
        if isinstance(event, SourceEvent):
            parts.append(SourcePart(event.name, event.started))
        elif isinstance(event, EndEvent):
            complete = True
        elif parts:
            _add(event, parts[-1], folder)
    return Session(folder, about, parts, complete)


def _add(event: Event, part: SourcePart, folder: Path) -> None:
    """Add an event to what was recorded of its source."""
    if isinstance(event, EstimateEvent):
        part.estimates.append(event)
    elif isinstance(event, SpeechEvent):
        part.speech.append(event)
    elif isinstance(event, StatusEvent):
        part.status.append(event)
    elif isinstance(event, AudioEvent):
        part.audio = folder / event.file
        part.anchors.append((event.sample, event.time_s))


def _samples(path: Path) -> np.ndarray:
    """Return the samples of a file as they are, (n,) float32: they were filtered before."""
    parts = []
    try:
        for block in Recording(path).blocks():
            if (block.sample_rate_hz, block.samples.shape[1]) != (SAMPLE_RATE_HZ, 1):
                found = f"{block.sample_rate_hz} Hz, {block.samples.shape[1]} channels"
                raise InputError(f"{path}: found {found}; needed are {SAMPLE_RATE_HZ} Hz, mono")
            parts.append(block.samples[:, 0])
    except InputError:
        if not parts:  # else the file is damaged, and what could be read is shown
            raise
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _events(path: Path) -> Iterator[Event]:
    """Yield the events of a file.

    Raises:
        InputError: a line is none.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            try:
                yield _DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                if not line.endswith(b"\n") and len(line) < MAX_LINE:
                    return  # it was being written when the process ended
                raise InputError(message_line(f"{path}, line {number}: {error}")) from error
