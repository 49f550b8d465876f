"""Scoring of windows and turn ends by their sound; each step of a turn is computed once."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ser_stream.emotion import AUDIO, UTTERANCE, EmotionEstimate, valence_arousal
from ser_stream.engines.base import Network
from ser_stream.engines.calls import Asking, NoAnswerError, answered
from ser_stream.errors import InputError
from ser_stream.features.speaker_memory import FORGET_S, SpeakerMemory
from ser_stream.models.calibration import Calibration
from ser_stream.stream.decoding import TurnDecoder, TurnMean
from ser_stream.stream.scores import Scores, reason_to_abstain
from ser_stream.stream.short_turns import ShortTurns, TurnEvidence
from ser_stream.stream.turn_encoder import TurnEncoder, WholeTurn, is_finite
from ser_stream.stream.window import TurnEnd, TurnFeatures, Window
from ser_stream.units import Seconds


@dataclasses.dataclass(frozen=True)
class ScoringSettings:
    """Settings for scoring windows and turn ends.

    Attributes:
        window_steps: number of steps in a whole window, see `EmotionModel`.
        smoothing: weight of the past in interval estimates, see `TurnDecoder`; a change applies
            from the next turn on.
        calibration: trigger -> calibration.
        min_speech: the estimate of a turn with less speech abstains, unless there is as much in it
            and the short turns just before it, see `ShortTurns`.
        label_sets: whether estimates have sets of labels, where the calibration has thresholds.
    """

    window_steps: int
    smoothing: float
    calibration: dict[str, Calibration]
    min_speech: Seconds
    label_sets: bool = False


class ScoredPart(NamedTuple):
    """The outputs of a network for a window or a whole turn, before calibration.

    Attributes:
        logits: (labels,) smoothed logits of a window, or a whole turn's log-probabilities.
        affect: (2,) valence and arousal of a model that has them, else None.
        voice_known_s: seconds of speech in the speaker memory when the turn began; 0 without one.
    """

    logits: np.ndarray
    affect: np.ndarray | None
    voice_known_s: Seconds


class WindowScorer:
    """Scores the windows and turn ends of one stream, in order.

    Args:
        network: runs when a window is scored.
        name: name of the model, for the estimates.
        memory: speaker memory of the turns before the stream; None: an empty one, for a model that
            has one.
        note: called for each window that `scoring` scores: why it has no answer, "" if it has one.

    Attributes:
        settings: may be replaced at any time.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        settings: ScoringSettings,
        memory: SpeakerMemory | None = None,
        note: Callable[[str], None] = lambda problem: None,
    ):
        self.settings = settings
        self._note = note
        self._network = network
        self._name = name
        self._memory = memory or new_speaker_memory(network)
        self._remembered_until_s: Seconds | None = None  # end of the last turn in the memory
        self._turn: _TurnState | None = None
        self._short_turns = ShortTurns()

    def reset(self) -> None:
        """Prepare for another stream: forget the turn and the speaker."""
        self._turn = self._remembered_until_s = None
        self._short_turns.reset()
        if self._memory is not None:
            self._memory.reset()

    def __call__(self, part: Window | TurnEnd) -> EmotionEstimate | None:
        """Return the estimate of a window or a whole turn, without words; see `score`."""
        scores = self.score(part)
        return scores.estimate() if scores else None

    def score(self, part: Window | TurnEnd) -> Scores | None:
        """Return the calibrated scores of a window or a whole turn.

        None where the network fails or its answer is not finite: the estimate is withheld. Nothing
        of it is kept for later windows.
        """
        return answered(self._network, self.scoring(part))

    def outputs(self, part: Window | TurnEnd) -> ScoredPart:
        """Return the network's outputs for a window or a whole turn, before calibration.

        Raises:
            InputError: the network fails, or its answer is not finite.
        """
        try:
            return answered(self._network, self._outputs(part))
        except NoAnswerError as error:
            raise InputError(f"model: {error}; train the model again") from error

    def scoring(self, part: Window | TurnEnd) -> Asking[Scores | None]:
        """Score as `score` does, yielding the calls of the network to whoever answers them."""
        settings = self.settings
        calibration = settings.calibration[part.trigger]
        try:
            logits, affect, voice_known_s = yield from self._outputs(part)
        except NoAnswerError as error:
            self._note(str(error))
            return None
        self._note("")
        evidence = TurnEvidence(logits, affect, part.speech_s)
        if part.trigger == UTTERANCE:
            evidence = self._short_turns.add(
                evidence, part.start_s, part.end_s, settings.min_speech
            )
        probabilities = calibration.probabilities(evidence.logits, voice_known_s)
        scores = dict(zip(self._network.labels, map(float, probabilities), strict=True))
        affect = evidence.affect
        label_set: tuple[str, ...] = ()
        if settings.label_sets:
            label_set = calibration.label_set(self._network.labels, probabilities, voice_known_s)
        valence, arousal = valence_arousal(scores) if affect is None else map(float, affect)
        return Scores(
            part=part,
            scores=scores,
            reason=reason_to_abstain(
                scores,
                evidence.floor(calibration.floor),
                evidence.speech_s,
                settings.min_speech,
            ),
            valence=valence,
            arousal=arousal,
            model=self._name,
            modality=AUDIO,
            voice_known_s=voice_known_s,
            label_set=label_set,
        )

    def encode_ahead(self, features: TurnFeatures, n_frames: int, turn_start_s: Seconds) -> None:
        """Do the same as `encoding_ahead`, at once."""
        answered(self._network, self.encoding_ahead(features, n_frames, turn_start_s))

    def encoding_ahead(
        self, features: TurnFeatures, n_frames: int, turn_start_s: Seconds
    ) -> Asking[None]:
        """Compute a turn's steps up to frame `n_frames`, before a window needs them.

        All parts of the turns before it must have been scored: the speaker memory holds them.
        """
        encoder = self._state_of(features, turn_start_s).encoder
        with contextlib.suppress(NoAnswerError):  # the next window tries again, and is counted
            yield from encoder.encode_ahead(n_frames)

    def _outputs(self, part: Window | TurnEnd) -> Asking[ScoredPart]:
        """Return `outputs`, yielding the calls of the network."""
        turn = self._state_of(part.features, part.turn_start_s)
        try:
            outputs = yield from turn.encoder.outputs(part.n_frames)
        except NoAnswerError:
            if part.trigger == UTTERANCE:
                self._turn = None
            raise
        affect = outputs.affect
        logits = outputs.logits.astype(np.float64)
        smoothed = turn.logits.add(logits, part.weight_s, part.covers_turn)
        if affect is not None:
            affect = turn.affect.add(affect.astype(np.float64), part.weight_s, part.covers_turn)
        if part.trigger != UTTERANCE:
            return ScoredPart(smoothed, affect, turn.voice_known_s)
        self._remember(turn, part, outputs.statistics)
        self._turn = None  # its frames and steps are not needed any more
        mean_affect = None if affect is None else turn.affect.mean()
        return ScoredPart(turn.logits.mean(), mean_affect, turn.voice_known_s)

    def _state_of(self, features: TurnFeatures, turn_start_s: Seconds) -> _TurnState:
        """Return the state of a turn, a new one where the turn has not been seen before."""
        turn, settings = self._turn, self.settings
        if turn is None or turn.number != features.number:
            offset = self._speaker_offset(turn_start_s)
            encoder = TurnEncoder(self._network, features, settings.window_steps, offset)
            smoothing = settings.smoothing
            turn = self._turn = _TurnState(
                features.number,
                encoder,
                TurnDecoder(smoothing),
                TurnMean(smoothing),
                0.0 if self._memory is None else self._memory.known_s,
            )
        return turn

    def _speaker_offset(self, turn_start_s: Seconds) -> np.ndarray | None:
        """Return the speaker memory's offset for a new turn, see `SpeakerMemory`."""
        if self._memory is None:
            return None
        last_end_s = self._remembered_until_s
        if last_end_s is not None and turn_start_s - last_end_s > FORGET_S:
            self._memory.reset()
        return self._memory.offset

    def _remember(
        self, turn: _TurnState, part: Window | TurnEnd, statistics: np.ndarray | None
    ) -> None:
        """Add the turn to the speaker memory, unless it is so short that it may be a noise.

        Args:
            statistics: (n,) of the turn's last window, where the network has them.
        """
        if self._memory is None or part.speech_s < self.settings.min_speech:
            return
        if statistics is None:
            entry = turn.encoder.mean_frame(part.n_frames)
        else:
            entry = statistics.astype(np.float64)
        if not is_finite(entry):  # the memory would stay so for all later turns
            return
        self._memory.update(entry, part.n_frames * self._network.features.frame_s)
        self._remembered_until_s = part.end_s


@dataclasses.dataclass(frozen=True)
class _TurnState:
    """The state of scoring within one turn."""

    number: int
    encoder: TurnEncoder
    logits: TurnDecoder
    affect: TurnMean
    voice_known_s: Seconds


def new_speaker_memory(network: Network) -> SpeakerMemory | None:
    """Return an empty speaker memory for a network that has one, else None."""
    if not network.has_speaker_memory:
        return None
    return SpeakerMemory(network.prior_statistics)


def warm_up(network: Network, window_frames: int) -> None:
    """Run the network on windows of zeros, because its first calls are slow.

    Raises:
        InputError: the network fails, or an answer is not finite.
    """
    frames = WholeTurn(np.zeros((window_frames, network.features.dimension), np.float32))
    for _ in range(2):
        encoder = TurnEncoder(network, frames, network.framing.window_steps)
        try:
            answered(network, encoder.outputs(window_frames))
        except NoAnswerError as error:
            raise InputError(f"model: {error}; train the model again") from error
