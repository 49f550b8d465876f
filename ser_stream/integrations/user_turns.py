"""The emotion of a user's turn, for voice agents that decide themselves when a turn has ended.

What the adapters of the frameworks share: the sound goes to a stream of a `StreamPool`; when the
framework says that the user's turn has ended, the turn of the stream is ended too, and its emotion
becomes a few words at the head of the user's message::

    framework            UserTurns                      pool's thread
    audio frame   --->   push               --->        windows, scores
                         on_interval        <---        interval estimates
    end of turn   --->   ended: end_turn    --->        score of the turn
    message       <---   TurnEmotion.text   <---        all estimates delivered

Everything but the pool runs in the event loop, and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ser_stream.emotion import UTTERANCE, EmotionEstimate
from ser_stream.errors import InputError, shown
from ser_stream.stream.pool import StreamPool
from ser_stream.stream.pool_stream import PoolStream
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

PERCEPTION, SENTENCE = "perception", "sentence"
"""Forms of the text at the head of a user's message: that of Pipecat's Real-time Context Standard,
`([emotion sad=0.52, neutral=0.31])`, and plain English."""
OMIT, SAY = "omit", "say"
"""What is written of a turn without a clear emotion: nothing, or that there is none."""

EXPLANATIONS = {
    PERCEPTION: (
        "A user's message may begin with a mark such as ([emotion sad=0.52, neutral=0.31]). It "
        "says how the user's voice sounded: probabilities, estimated from the sound alone. Weigh "
        "it with the words, and do not rely on it alone. Never mention it or write such a mark."
    ),
    SENTENCE: (
        "A user's message may begin with a remark in parentheses on how the user's voice sounded, "
        "estimated from the sound alone. Weigh it with the words, and do not rely on it alone. "
        "Never mention it or write such a remark."
    ),
}
"""Form -> what an LLM should be told of it, in its instructions."""

MAX_LABELS = 3
MIN_PROBABILITY = 0.1
"""Of the emotions, so many are written, and those that are as probable as this."""

LEAD_S: Seconds = 2.0
"""A turn of the user holds speech from so long before the framework reported its beginning: some
frameworks wait for the first words."""

OnInterval = Callable[[EmotionEstimate], None]
"""Called with each interval estimate, in the event loop."""


@dataclasses.dataclass(frozen=True)
class EmotionSettings:
    """How an agent uses the emotion of its user.

    Attributes:
        form: of the text, `PERCEPTION` or `SENTENCE`.
        unsure: what is written of a turn without a clear emotion, `OMIT` or `SAY`.
        mute: whether sound is ignored while the agent speaks, so that it does not judge its own
            voice. Without echo in the sound, False also judges users who interrupt the agent.
        wait_s: how long the agent waits for the emotion at most, 0.01 to 10; then it goes without.

    Raises:
        InputError: a value is not accepted.
    """

    form: str = PERCEPTION
    unsure: str = OMIT
    mute: bool = True
    wait_s: Seconds = 0.5

    def __post_init__(self) -> None:
        for name, accepted in (("form", (PERCEPTION, SENTENCE)), ("unsure", (OMIT, SAY))):
            if (value := getattr(self, name)) not in accepted:
                raise InputError(
                    f"{name}: found {shown(value)}; accepted are {' and '.join(accepted)}"
                )
        if not isinstance(self.mute, bool):
            raise InputError(f"mute: found {shown(self.mute)}; accepted are True and False")
        wait_s = self.wait_s
        is_number = isinstance(wait_s, int | float) and not isinstance(wait_s, bool)
        if not (is_number and 0.01 <= wait_s <= 10):
            raise InputError(f"wait_s: found {shown(wait_s)}; accepted are 0.01 to 10 seconds")


@dataclasses.dataclass(frozen=True)
class TurnEmotion:
    """The emotion of one turn of the user, which may hold pauses.

    Attributes:
        expression: the likeliest emotion; "" if no emotion is clear.
        confidence: its probability, or that of the likeliest emotion where none is clear.
        scores: emotion -> probability.
        reason: why no emotion is clear, as in `EmotionEstimate`; "" if one is.
        start_s, end_s: time span, in seconds of sound since the agent began to listen.
        waited_ms: time from the end of the turn, as the framework reported it, to this answer.
    """

    expression: str
    confidence: float
    scores: dict[str, float]
    reason: str
    start_s: Seconds
    end_s: Seconds
    waited_ms: float = 0.0

    @classmethod
    def of(cls, estimates: Sequence[EmotionEstimate]) -> TurnEmotion | None:
        """Return the emotion of the utterances of a turn; None where there are none.

        The scores are the mean over the utterances that name an emotion, weighted by their seconds
        of speech. Where none does, they are those of the utterance with most speech.
        """
        if not estimates:
            return None
        named = [estimate for estimate in estimates if not estimate.abstains]
        judged = named or [max(estimates, key=_speech_s)]
        weights = np.array([_speech_s(estimate) for estimate in judged])
        weights = weights / weights.sum() if weights.sum() > 0 else weights + 1 / len(weights)
        scores = {
            label: float(sum(w * e.scores[label] for w, e in zip(weights, judged, strict=True)))
            for label in judged[0].scores
        }
        likeliest = max(scores, key=lambda label: scores[label])
        return cls(
            expression=likeliest if named else "",
            confidence=scores[likeliest],
            scores=scores,
            reason="" if named else judged[0].reason,
            start_s=estimates[0].start_s,
            end_s=estimates[-1].end_s,
        )

    def text(self, settings: EmotionSettings) -> str:
        """Return what is written at the head of the user's message; "" for nothing."""
        if not self.expression and settings.unsure == OMIT:
            return ""
        if settings.form == PERCEPTION:
            return f"([emotion {self._labels() or 'unclear=1.00'}])"
        if not self.expression:
            return "(No clear emotion in the user's voice.)"
        return f"(The user sounded {self.expression}, {self.confidence:.0%} sure.)"

    def _labels(self) -> str:
        if not self.expression:
            return ""
        ordered = sorted(self.scores.items(), key=lambda item: -item[1])
        written = [f"{label}={p:.2f}" for label, p in ordered if p >= MIN_PROBABILITY]
        return ", ".join(written[:MAX_LABELS])


def _speech_s(estimate: EmotionEstimate) -> Seconds:
    return (estimate.end_s - estimate.start_s) * estimate.speech_ratio


class UserTurns:
    """The turns of one user, as a framework reports them.

    All methods are called in one event loop, `open` first.

    Attributes:
        on_interval: receives the interval estimates; may be replaced.

    Args:
        name: of the stream in messages.
        settings: how the emotion is used.
        on_interval: receives the interval estimates.
        pool: recognises this and other streams of the process; None: a pool of its own.
        recognition: settings of the own pool, see `StreamPool`.

    Raises:
        InputError: there are settings of an own pool together with another one.
    """

    def __init__(
        self,
        name: str,
        settings: EmotionSettings,
        on_interval: OnInterval = lambda estimate: None,
        pool: StreamPool | None = None,
        **recognition: Any,
    ):
        if pool is not None and recognition:
            raise InputError(
                f"{', '.join(recognition)}: found together with a pool; accepted is one of the two"
            )
        self.settings = settings
        self._name = name
        self.on_interval = on_interval
        self._pool = pool
        self._owns_pool = pool is None
        self._recognition = recognition
        self._stream: PoolStream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._utterances: list[EmotionEstimate] = []  # of the turn in progress
        self._pushed_s = 0.0
        self._opened = 0
        self._warned = ""

    async def open(self) -> None:
        """Load the model, in a thread, and begin to listen; it ends with as many `close`.

        Raises:
            InputError: the model or a setting cannot be used, or the pool has no room.
        """
        self._opened += 1
        if self._opened > 1:
            return
        try:
            await self._open()
        except BaseException:  # a framework may cancel it while the model is loaded
            self._opened -= 1
            raise

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._pool is None:
            loading = asyncio.ensure_future(asyncio.to_thread(StreamPool, **self._recognition))
            try:
                self._pool = await asyncio.shield(loading)
            except asyncio.CancelledError:
                loading.add_done_callback(_close_unused)
                raise
        with self._lock:
            self._utterances.clear()  # of an earlier stream, whose clock was another one
        self._pushed_s = 0.0
        self._stream = self._pool.open(self._name, self._take)

    async def close(self) -> None:
        """End the stream. It may be opened again."""
        if not self._opened:
            return
        self._opened -= 1
        if self._opened > 0:
            return
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.close, self.settings.wait_s)
        if self._owns_pool and self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.close, self.settings.wait_s)

    def push(self, pcm: bytes | memoryview, rate: int, channels: int) -> None:
        """Add the next sound; before `open` and after `close` it is ignored.

        Sound that cannot be used is left out, which is logged: it must not stop the agent.

        Args:
            pcm: interleaved samples, 16-bit integers in the byte order of the machine.
        """
        if self._stream is None:
            return
        try:
            samples = np.frombuffer(pcm, np.int16).reshape(-1, channels)
            if self.muted:  # it may be analysed when muting is over
                samples = np.zeros_like(samples)
            self._stream.push(samples, rate)
            self._pushed_s += len(samples) / rate
        except ValueError as error:  # InputError among them
            self._warn(f"sound of the user is left out: {error}")

    @property
    def muted(self) -> bool:
        """Whether sound is ignored, because the agent speaks or the user is muted."""
        return self._stream is not None and self._stream.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        if self._stream is not None:
            self._stream.muted = muted

    def started(self) -> None:
        """Note that the user's turn has begun: what was said long before is no part of it."""
        earliest_s = self._pushed_s - LEAD_S
        with self._lock:
            self._utterances = [found for found in self._utterances if found.end_s >= earliest_s]

    async def ended(self) -> TurnEmotion | None:
        """End the user's turn and return its emotion; the next turn begins.

        Returns:
            None where nobody spoke, or the emotion is not known within `wait_s`. What is found
            later is no part of any turn.
        """
        return await self._asked(forget=True)

    async def so_far(self) -> TurnEmotion | None:
        """Return the emotion of a turn that may go on, like `ended`.

        For agents that prepare an answer before they are sure that the turn has ended.
        """
        return await self._asked(forget=False)

    async def _asked(self, forget: bool) -> TurnEmotion | None:
        loop, stream, asked_at = self._loop, self._stream, time.monotonic()
        if loop is None or stream is None:
            return None
        answer: asyncio.Future[list[EmotionEstimate]] = loop.create_future()

        def deliver() -> None:  # in the pool's thread
            with self._lock:
                found = list(self._utterances)
                if forget:
                    self._utterances.clear()
            self._in_loop(_resolve, answer, found)

        try:
            stream.end_turn(deliver)
            found = await asyncio.wait_for(answer, self.settings.wait_s)
        except InputError as error:
            self._warn(str(error))
            return None
        except asyncio.TimeoutError:
            logger.warning(
                "%s: the emotion of a turn was not known within %g s; the agent answers without",
                self._name, self.settings.wait_s,
            )  # fmt: skip
            return None
        emotion = TurnEmotion.of(found)
        if emotion is None:
            return None
        return dataclasses.replace(emotion, waited_ms=1000 * (time.monotonic() - asked_at))

    def _take(self, _name: str, estimate: EmotionEstimate) -> None:
        """Take an estimate, in the pool's thread."""
        if estimate.trigger == UTTERANCE:
            with self._lock:
                self._utterances.append(estimate)
        else:
            self._in_loop(self.on_interval, estimate)

    def _in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *arguments)

    def _warn(self, message: str) -> None:
        """Log a message once, not with each frame of sound."""
        if message != self._warned:
            self._warned = message
            logger.warning("%s: %s", self._name, message)


def _close_unused(loading: asyncio.Future[StreamPool]) -> None:
    """Close a pool that nobody waits for any more."""
    if not loading.cancelled() and loading.exception() is None:
        loading.result().close(0)


def _resolve(answer: asyncio.Future[list[EmotionEstimate]], found: list[EmotionEstimate]) -> None:
    if not answer.done():  # nobody may wait any more
        answer.set_result(found)
