"""One stream: its source, its windows, their scores, and its status."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator, Iterator

from ser_stream.audio.block import AudioBlock, AudioSource, SourceLosses
from ser_stream.emotion import INTERVAL
from ser_stream.engines.calls import Asking
from ser_stream.errors import InputError
from ser_stream.stream.keeping_up import KeepingUp
from ser_stream.stream.scores import Scores
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.sound_problems import SoundProblems
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.window import TurnEnd, TurnFeatures, Window, WindowSettings
from ser_stream.stream.windowing import Analysis, StreamWindower, analysed
from ser_stream.stream.word_fusion import Event, WordFusion
from ser_stream.units import Seconds

LATE_S: Seconds = 3.0
"""A window that takes longer to be scored is shown as a problem."""
REMEDY = "use the model small or tiny, a longer hop, or a faster computer"
"""What to do where inference is slower than sound."""


@dataclasses.dataclass(frozen=True)
class TurnProgress:
    """A turn in progress that has new frames.

    Attributes:
        features: frames and sound of the turn.
        n_frames: number of frames so far.
        start_s: when the turn began, on the stream's clock.
    """

    features: TurnFeatures
    n_frames: int
    start_s: Seconds


class StreamSession:
    """The state of one stream.

    One thread pushes blocks, and one scores windows; `status` may be called from any thread.

    Args:
        source: source of the blocks.
        windower: cuts the stream into windows.
        scorer: scores the windows; shared by all streams of a recogniser, one after the other.
    """

    def __init__(self, source: AudioSource, windower: StreamWindower, scorer: WindowScorer):
        self.source = source
        self.windower = windower
        self._scorer = scorer
        self._scored = self._skipped = self._dropped_turns = self._failed = 0
        self._keeping_up = KeepingUp(f"{source.name}: inference", REMEDY)
        self._scoring_since: float | None = None  # monotonic
        self._encoded = (0, 0)  # `_extent` at the last `take_progress`
        self._sound = SoundProblems(source.name, source.live)
        self._rejection = ""  # why the source's last block could not be used

    def push(self, block: AudioBlock | None) -> list[Window | TurnEnd]:
        """Push the next block of the source, or None for an interruption; return the windows.

        Raises:
            InputError: the block cannot be used; it is left out.
        """
        if block is None:
            return self.windower.break_off()
        parts = self.windower.push(block)
        self._sound.note(self.windower.conditioner, self.windower.muted)
        return parts

    def push_or_skip(self, block: AudioBlock | None) -> list[Window | TurnEnd]:
        """Push a live source's next block; one that cannot be used counts as an interruption.

        Later blocks may be usable: a microphone comes back, or a topic's publisher is restarted.

        Raises:
            InputError: the very first block cannot be used, and the source does not wait.
        """
        return analysed(self.analyse_or_skip(block))

    def analyse_or_skip(self, block: AudioBlock | None) -> Analysis:
        """Do the same as `push_or_skip`, by a generator that the caller drives to its end."""
        if block is None:
            return self.windower.break_off()
        try:
            parts = yield from self.windower.analyse(block)
        except InputError as error:
            if not self.windower.position_s and not self.source.waits:
                raise
            self._rejection = str(error)
            return self.windower.break_off()
        self._rejection = ""
        self._sound.note(self.windower.conditioner, self.windower.muted)
        return parts

    def end_turn(self) -> list[Window | TurnEnd]:
        """End the current turn, if there is one, and return what is to be scored for it."""
        return self.windower.end_turn()

    def finish(self) -> list[Window | TurnEnd]:
        """End the stream and return the windows that are still held back."""
        return self.windower.finish()

    def change(self, windows: WindowSettings, scoring: ScoringSettings) -> None:
        """Replace how windows are cut and scored, from the next one on. Called from any thread."""
        self._scorer.settings = scoring
        self.windower.windows = windows

    def score(self, part: Window | TurnEnd) -> Scores | None:
        """Score a window or a whole turn by its sound; None where the network fails."""
        with self._watched():
            scores = self._scorer.score(part)
        return self._counted(scores)

    def scoring(self, part: Window | TurnEnd) -> Asking[Scores | None]:
        """Do the same as `score`, by a generator that the caller drives to its end."""
        with self._watched():
            scores = yield from self._scorer.scoring(part)
        return self._counted(scores)

    @property
    def can_encode_ahead(self) -> bool:
        """Whether the turn in progress has frames that `take_progress` has not returned yet."""
        features = self.windower.spoken
        return features is not None and _extent(features) != self._encoded

    def take_progress(self) -> TurnProgress | None:
        """Return the turn in progress, once for each of its new frames; else None.

        Called by the thread that pushes blocks.
        """
        features = self.windower.spoken
        if features is None or not self.can_encode_ahead:
            return None
        self._encoded = _extent(features)
        return TurnProgress(features, features.n_extracted, self.windower.turn_start_s(features))

    def encoding_ahead(self, turn: TurnProgress) -> Asking[None]:
        """Compute the newest steps of the turn in progress, before a window needs them.

        The next window is then scored sooner, and the network's work is spread over time. All parts
        of earlier turns must have been scored.
        """
        with self._watched():
            yield from self._scorer.encoding_ahead(turn.features, turn.n_frames, turn.start_s)

    def encode_ahead(self, turn: TurnProgress) -> None:
        """Do the same as `encoding_ahead`, at once."""
        with self._watched():
            self._scorer.encode_ahead(turn.features, turn.n_frames, turn.start_s)

    def note_unscored(self, part: Window | TurnEnd) -> None:
        """Count a window or turn that is not scored because newer ones were waiting."""
        if part.trigger == INTERVAL:
            self._skipped += 1
        else:
            self._dropped_turns += 1
        self._keeping_up.note(scored=False)

    def status(self, dropped_s: Seconds = 0.0) -> StreamStatus:
        """Return the state of the stream, without that of its words.

        Args:
            dropped_s: seconds of sound that were dropped before they came here.
        """
        windower, scoring_since = self.windower, self._scoring_since
        losses = SourceLosses.of(self.source)
        scoring_s = 0.0 if scoring_since is None else time.monotonic() - scoring_since
        return StreamStatus(
            position_s=windower.position_s,
            level_dbfs=windower.level_dbfs,
            speaking=windower.speaking,
            windows=self._scored,
            skipped=self._skipped,
            gaps=windower.timeline.gaps,
            gap_s=windower.timeline.gap_s,
            bad_samples=windower.conditioner.bad_samples,
            scoring_s=scoring_s,
            muted=windower.muted,
            channel=windower.conditioner.selected,
            sound=self._sound.text,
            no_signal=self._sound.no_signal,
            source=self._rejection if self.source.connected else self.source.last_error,
            dropped_s=dropped_s + losses.dropped_s,
            dropped_blocks=losses.dropped_blocks,
            overflows=losses.overflows,
            reconnects=losses.reconnects,
            failed_windows=self._failed,
            dropped_turns=self._dropped_turns,
            inference=late(scoring_s) or self._keeping_up.problem,
        )

    def _counted(self, scores: Scores | None) -> Scores | None:
        """Count a window as scored or failed, and return its scores."""
        if scores is None:
            self._failed += 1
        else:
            self._scored += 1
        self._keeping_up.note(scored=True)
        return scores

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Note that the network runs, for those who look whether it hangs."""
        self._scoring_since = time.monotonic()
        try:
            yield
        finally:
            self._scoring_since = None


def late(scoring_s: Seconds) -> str:
    """Return that a window takes long to be scored, as a phrase for people; "" if it does not."""
    return f"no result for {scoring_s:.0f} s" if scoring_s >= LATE_S else ""


def _extent(features: TurnFeatures) -> tuple[int, int]:
    """Return the turn's number, and the number of its frames that can be read."""
    return features.number, features.n_extracted


def recorded_events(session: StreamSession, fusion: WordFusion) -> Generator[Event, None, None]:
    """Yield the events of a source that is read as fast as its windows are scored.

    Raises:
        InputError: the source, or one of its blocks, cannot be used; at the end, words are missing.
    """
    with contextlib.closing(fusion):
        try:
            for block in session.source.blocks():
                yield from scored_events(session, fusion, session.push(block))
        except InputError:  # the sound before it is good
            yield from scored_events(session, fusion, session.finish())
            raise
        yield from scored_events(session, fusion, session.finish())
        fusion.finish()


def score_into(fusion: WordFusion, session: StreamSession, part: Window | TurnEnd) -> None:
    """Score a window or turn end, and pass on its scores, or that its estimate is withheld."""
    scores = session.score(part)
    if scores is None:
        fusion.withhold(part)
    else:
        fusion.add(scores)


def scored_events(
    session: StreamSession, fusion: WordFusion, parts: list[Window | TurnEnd]
) -> Generator[Event, None, None]:
    """Score windows and turn ends in order, and yield the events that are ready after each."""
    for part in parts:
        fusion.submit(part)
        score_into(fusion, session, part)
        yield from fusion.take()
