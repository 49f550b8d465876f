"""Recording of a session while it is heard."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ser_stream import __version__
from ser_stream.audio.block import AudioBlock, AudioSource, Channel
from ser_stream.emotion import EmotionEstimate
from ser_stream.models.info import ModelInfo
from ser_stream.outputs.base import Output
from ser_stream.sessions.audio import AudioWriter, RecordedSource
from ser_stream.sessions.folder import (
    EVENTS,
    FORMAT,
    audio_name,
    new_file,
    new_session_folder,
    now,
)
from ser_stream.stream.status import StreamStatus
from ser_stream.text import json_line
from ser_stream.units import Seconds
from ser_stream.words import Speech

log = logging.getLogger("ser_stream.sessions")

STATUS_EVERY: Seconds = 1.0
MAX_WAITING = 2_000
"""Blocks and events that may wait for the disk: a minute of sound."""
CLOSE_WITHIN: Seconds = 3.0
"""Longest time that the end of the session waits for the disk."""


class SessionRecorder(Output):
    """Stores estimates, words, status and, if asked, sound in a new folder.

    A thread of its own writes: a slow disk does not hold up a live source, whose sound is then
    missing in the session. A disk that fails ends the recording, which a line says; recognition
    goes on.

    Args:
        parent: folder in which the session's own folder is made.
        model: the model that listens.
        settings: settings to be stored, as JSON.
        audio: whether sound is recorded.
        channel: the channel of the source that is used.
        asked_by: the option or parameter that `parent` is the value of, for messages.

    Attributes:
        folder: the session's folder.
        failed: whether recording has ended early.

    Raises:
        InputError: nothing can be written into the folder.
    """

    def __init__(
        self,
        parent: Path,
        model: ModelInfo,
        settings: Mapping[str, Any],
        audio: bool = False,
        channel: Channel = "mix",
        asked_by: str = "--record",
    ) -> None:
        self.folder = new_session_folder(parent, audio, asked_by)
        self.failed = False
        self._audio, self._channel = audio, channel
        self._n_sources = 0
        self._source_is_live = False
        self._next_status: Seconds = 0.0
        self._lost = False
        self._writer: AudioWriter | None = None
        self._events = new_file(self.folder / EVENTS)
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="ser_stream-record", daemon=True)
        self._thread.start()
        self._note(
            "session", format=FORMAT, ser_stream=__version__, started=now(), model=model.name,
            labels=model.labels, affect=model.has_affect, settings=dict(settings),
        )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        """Write what is left; wait for the disk for a while."""
        self._note("end", reason="")
        with contextlib.suppress(queue.Full):
            self._tasks.put(None, timeout=CLOSE_WITHIN)
        self._thread.join(CLOSE_WITHIN)
        if self._thread.is_alive():
            self._fail(f"the disk takes longer than {CLOSE_WITHIN:g} s")

    @property
    def announcement(self) -> str:
        """What is recorded, and where, for whoever is responsible for it."""
        sound = "sound too" if self._audio else "no sound"
        return (
            f"recording emotions, words and status in {self.folder}, {sound}: personal data; tell "
            "the people who are heard"
        )

    @property
    def complete(self) -> bool:
        """Whether everything was recorded, so far."""
        return not self.failed and not self._lost

    def recorded(
        self, source: AudioSource, muted: Callable[[], bool] = lambda: False
    ) -> AudioSource:
        """Return the source, whose sound is recorded where that was asked for.

        Args:
            muted: whether the recogniser ignores sound, which is then not recorded.
        """
        return RecordedSource(source, self._on_block, muted) if self._audio else source

    def on_source(self, name: str) -> None:
        self._n_sources += 1
        self._next_status = 0.0
        self._put(self._close_audio)
        self._note("source", source=self._n_sources, name=name, started=now())

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        self._note("estimate", **json.loads(estimate.to_json()))

    def on_speech(self, speech: Speech) -> None:
        if speech.final:
            words = [word.to_dict() for word in speech.words]
            times = {"start_s": speech.start_s, "end_s": speech.end_s}
            self._note("speech", words=words, final=True, **times)

    def on_status(self, status: StreamStatus) -> None:
        if status.position_s >= self._next_status:
            self._next_status = status.position_s + STATUS_EVERY
            self._note("status", **dataclasses.asdict(status))

    def _on_block(self, source: AudioSource, block: AudioBlock | None) -> None:
        """Record a block; called by the thread that captures sound."""
        self._source_is_live = source.live
        number, settle_s = self._n_sources, source.settle_s
        self._put(lambda: self._write_block(number, settle_s, block))

    def _note(self, event: str, **values: Any) -> None:
        line = json_line({"event": event, **values}) + "\n"
        self._put(lambda: self._write_line(line))

    def _put(self, task: Callable[[], None]) -> None:
        """Leave a task to the thread that writes; a live source does not wait for it."""
        if self.failed:
            return
        try:
            self._tasks.put(task, timeout=0 if self._source_is_live else CLOSE_WITHIN)
        except queue.Full:
            if not self._lost:
                self._lost = True
                log.warning("%s: the disk is too slow: parts are not recorded", self.folder)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self.failed:
                continue
            try:
                task()
            except OSError as error:
                self._fail(error.strerror or str(error))
        with contextlib.suppress(OSError):
            self._close_audio()
        self._events.close()

    def _fail(self, reason: str) -> None:
        self.failed = True
        log.error("%s: %s; recognition goes on, and nothing more is recorded", self.folder, reason)

    def _write_line(self, line: str) -> None:
        view = memoryview(line.encode())
        while len(view):
            view = view[self._events.write(view) or 0 :]

    def _write_block(self, source: int, settle_s: Seconds, block: AudioBlock | None) -> None:
        if self._writer is None:
            path = self.folder / audio_name(source)
            self._writer = AudioWriter(path, self._channel, settle_s)
        anchor = self._writer.write(block)
        if anchor is not None:
            sample, time_s = anchor
            values = {"file": audio_name(source), "sample": sample, "time_s": round(time_s, 4)}
            self._write_line(json_line({"event": "audio", **values}) + "\n")

    def _close_audio(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
