"""One stream of a pool: its sound, its windows, its estimates."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_stream.emotion import EmotionEstimate
from ser_stream.engines.calls import Asking
from ser_stream.stream.pending import EndOfTurn, Interruption, PendingSound
from ser_stream.stream.scoring import ScoringSettings
from ser_stream.stream.session import StreamSession
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.waiting import WaitingParts
from ser_stream.stream.window import TurnEnd, Window, WindowSettings
from ser_stream.stream.windowing import Detecting
from ser_stream.stream.word_fusion import WithoutWords, WordFusion
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream")

OnEstimate = Callable[[str, EmotionEstimate], None]
"""Called with the name of a stream and its estimate, in the pool's thread: it must not wait."""


LAST_WORDS_WITHIN: Seconds = 10.0
"""Longest time that the end of a stream waits for the words of its last turns."""


class Progress(NamedTuple):
    """How far the pool is in the sound of one stream.

    Attributes:
        position_s: seconds of sound analysed so far.
        speaking: whether someone speaks.
        waiting_s: seconds of sound that wait to be analysed.
        samples: (n,) the newest 16 kHz samples as the network hears them, full scale +-1.
    """

    position_s: Seconds
    speaking: bool
    waiting_s: Seconds
    samples: NDArray[np.float32]


OnProgress = Callable[[str, Progress], None]
"""Called with the name of a stream and its progress, in the pool's thread: it must not wait."""

OnSpeech = Callable[[str, Speech], None]
"""Called with the name of a stream and words of a turn, in the pool's thread: it must not wait."""


class Receivers(NamedTuple):
    """Those who are called with what comes of a stream; None: nobody asks.

    Where one of them raises, that is logged, and the stream ends.
    """

    on_estimate: OnEstimate
    on_progress: OnProgress | None = None
    on_speech: OnSpeech | None = None


MAX_BLOCKS = 4
"""Blocks of 32 ms that a stream analyses in one run: a flood of sound delays no other stream."""


class PooledStream:
    """The state of one stream of a pool.

    The pool's thread runs `analysis` and `scoring`; any thread may push and end `sound`.

    Args:
        name: of the stream.
        session: cuts the sound into windows and scores them.
        receivers: of its estimates, progress and words.
        words: recognises them; None: nothing does.
        wake: notes that there are words, for `deliver`.
    """

    def __init__(
        self,
        name: str,
        session: StreamSession,
        receivers: Receivers,
        words: WordRecognition | None = None,
        wake: Callable[[], None] = lambda: None,
    ):
        self.name = name
        self.session = session
        self.sound = PendingSound()
        self._receivers = receivers
        self._words = words
        self._fusion: WordFusion = WithoutWords() if words is None else words.live_fusion(wake)
        self._parts = WaitingParts(self._leave_out)
        self._ends: list[EndOfTurn] = []  # whose estimates may not have been delivered yet
        self._finished = False  # whether the last part is known
        self._abandoned = False
        self._over = threading.Event()

    @property
    def has_sound(self) -> bool:
        """Whether `analysis` has something to do."""
        return not self._finished and (self.sound.waits or self.sound.ended)

    @property
    def due(self) -> bool:
        """Whether a window or turn end is to be scored."""
        return len(self._parts) > 0

    @property
    def has_work(self) -> bool:
        """Whether another run has something to do."""
        return self.has_sound or self.due or self.session.can_encode_ahead

    @property
    def captured_at(self) -> float:
        """`time.monotonic()` when the last sample of the next part was captured, if one is due."""
        return self._parts[0].captured_at

    @property
    def over(self) -> bool:
        """Whether the last estimate has been delivered."""
        return self._abandoned or (self._finished and not self.due and self.wait_s is None)

    @property
    def wait_s(self) -> Seconds | None:
        """Longest time until `deliver` has something to do; None: nothing is known to come."""
        return self._fusion.wait_s()

    def wait(self, timeout_s: Seconds | None = None) -> None:
        """Wait until the pool has let go of the stream, but not longer than the timeout."""
        self._over.wait(timeout_s)

    def let_go(self) -> None:
        """Note that the pool has let go of the stream."""
        while (left := self.sound.take()) is not None:  # of a stream that was abandoned
            if isinstance(left, EndOfTurn):
                self._ends.append(left)
        self.report_ends()
        self._over.set()

    @property
    def has_words(self) -> bool:
        """Whether words are recognised."""
        return self._words is not None

    def close_words(self) -> None:
        """End what waits for words; not in the pool's thread, since that may take seconds."""
        self._fusion.close()

    def change(
        self, settings: RecognizerSettings, windows: WindowSettings, scoring: ScoringSettings
    ) -> None:
        """Replace the settings, from the next window on. Called from any thread."""
        self.session.change(windows, scoring)
        if self._words is not None:
            self._words.change(settings)

    def report_ends(self) -> None:
        """Tell those who ended a turn that all of its estimates have been delivered, if so."""
        waits_for_words = self.wait_s is not None and not self._abandoned
        if self.due or waits_for_words:
            return
        ends, self._ends = self._ends, []
        for end in ends:
            try:
                end.then()
            except BaseException:  # as in `_tell`
                logger.exception("stream %s: what follows the end of a turn failed", self.name)
                self.abandon()

    def status(self) -> StreamStatus:
        """Return the state of the stream."""
        status = self.session.status(self.sound.dropped_s)
        return status if self._words is None else self._words.completed(status)

    def analysis(self) -> Detecting[None]:
        """Analyse the next blocks of sound, up to the next window or turn end."""
        for _ in range(MAX_BLOCKS):
            block = self.sound.take()
            if block is None:
                break
            before = self.session.windower.timeline.position
            if isinstance(block, EndOfTurn):
                parts = self.session.end_turn()
                self._ends.append(block)
            else:
                heard = None if isinstance(block, Interruption) else block
                parts = yield from self.session.analyse_or_skip(heard)
            self._report(before)
            if parts:
                return self._put(parts)
        if self.sound.exhausted and not self._finished:
            self._finished = True
            before = self.session.windower.timeline.position
            self._put(self.session.finish())
            self._fusion.await_last_words(LAST_WORDS_WITHIN)
            self._report(before)
        return None

    def scoring(self) -> Asking[None]:
        """Score the window or turn end that is due, and deliver its estimate.

        Where none is due, compute the newest steps of the turn in progress.
        """
        if self.due:
            part = self._parts.take()
            scores = yield from self.session.scoring(part)
            if scores is None:
                self._fusion.withhold(part)
            else:
                self._fusion.add(scores)
            self.deliver()
        else:
            turn = self.session.take_progress()
            if turn is not None:
                yield from self.session.encoding_ahead(turn)

    def deliver(self) -> None:
        """Deliver the estimates and words that are ready."""
        for event in self._fusion.take():
            if isinstance(event, Speech):
                self._tell("on_speech", event)
            else:
                self._tell("on_estimate", event)

    def _put(self, parts: list[Window | TurnEnd]) -> None:
        """Let parts wait to be scored, and ask for their words."""
        for part in parts:
            self._fusion.submit(part)  # first: it must know the part before its scores come
        self._parts.put(parts)

    def _leave_out(self, part: Window | TurnEnd) -> None:
        """Note that a part will not be scored."""
        self.session.note_unscored(part)
        self._fusion.withhold(part)

    def _tell(self, name: str, found: object) -> None:
        """Call the receiver of that name."""
        receiver = getattr(self._receivers, name)
        if receiver is None or self._abandoned:
            return
        try:
            receiver(self.name, found)
        except BaseException:  # sys.exit too, which would end the thread of all streams
            logger.exception("stream %s: %s failed; the stream ends", self.name, name)
            self.abandon()

    def _report(self, before: int) -> None:
        """Report the progress since a position of the timeline."""
        if self._receivers.on_progress is None:
            return
        windower = self.session.windower
        samples = windower.timeline.newest(windower.timeline.position - before)
        progress = Progress(windower.position_s, windower.speaking, self.sound.seconds, samples)
        self._tell("on_progress", progress)

    def abandon(self) -> None:
        """End the stream at once, without further estimates."""
        self.sound.end()
        self._parts.clear()
        self._finished = self._abandoned = True
