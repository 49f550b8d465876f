"""From a window to its estimate, computing nothing twice."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import torch
from torch import Tensor

from ser_stream.emotion import AUDIO, NO_EXPRESSION, UTTERANCE, EmotionEstimate, valence_arousal
from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.features.speaker_memory import FORGET_S, SpeakerMemory
from ser_stream.models.base import EmotionModel
from ser_stream.models.calibration import Calibration
from ser_stream.stream.decoding import TurnDecoder, TurnMean
from ser_stream.stream.windowing import TurnFeatures, Window
from ser_stream.units import Seconds

SPARE_S: Seconds = 1.0
"""How far a turn's last window may end before the last interval did. Intervals go on in the pause
that ends a turn, of which the turn keeps `post_roll`: see `audio.turns`."""


class TurnEncoder:
    """One turn's steps, each computed once, and the head's answer for its windows.

    Args:
        window_steps: how many steps the head looks back on.
        offset: what is taken off the turn, see `SpeakerMemory`: off each frame (dimension,), or off
            the network's statistics; None: nothing.
    """

    def __init__(
        self,
        model: EmotionModel,
        features: TurnFeatures,
        window_steps: int,
        offset: np.ndarray | None = None,
    ):
        self.features = features
        of_states = offset is not None and model.remembers_statistics
        self._frame_offset = 0.0 if offset is None or of_states else offset
        self._offset = torch.from_numpy(offset).to(model.prior_statistics) if of_states else None
        self._model = model
        self._window_steps = window_steps
        step_s = model.features.frame_s * model.frames_per_step
        self._spare_steps = math.ceil(SPARE_S / step_s)
        self._device = next(model.parameters()).device
        self._first = 0  # number of the first step that is kept
        self._steps: Tensor | None = None  # (1, steps, dimension)
        self._state = None  # of a recurrent network, behind the last step

    def logits(self, n_frames: int) -> np.ndarray:
        """Logits (labels,) of the window that ends with the turn's frame `n_frames`, exclusive."""
        return self.judge(n_frames)[0]

    def judge(self, n_frames: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The same, and valence and arousal (2,) where the network has them."""
        with torch.inference_mode():
            logits, affect = self._model.score(self._window(n_frames), offset=self._offset)
        return _array(logits), None if affect is None else _array(affect)

    def heard(self, n_frames: int) -> np.ndarray:
        """What is remembered of the turn that ends with that frame, the last one judged, (n,)."""
        if not self._model.remembers_statistics:
            return self.features.read(0, n_frames).mean(axis=0, dtype=np.float64)
        with torch.inference_mode():
            return _array(self._model.statistics(self._window(n_frames)))

    def _window(self, n_frames: int) -> Tensor:
        """Steps of the window that ends there, (1, steps, dimension)."""
        end = self._model.steps_in(n_frames)
        if end == 0:
            return self._padded_step(n_frames)
        self._hear(end)
        start = max(end - self._window_steps, self._first)
        return self._steps[:, start - self._first : end - self._first]

    def _hear(self, end: int) -> None:
        """Encode the steps before `end` that are not known, and let go of old ones."""
        model = self._model
        known = self._first + (0 if self._steps is None else self._steps.shape[1])
        if end <= known:  # a turn ends before the pause that ended it, which intervals have heard
            return
        oldest = max(0, end - self._window_steps - self._spare_steps)
        # Windows that were skipped need no steps, unless this one still looks back on them.
        start = known if model.context_frames is None else max(oldest, known)
        parts = [self._encode(start, end)]
        if start == known and self._steps is not None:
            parts.insert(0, self._steps)
        first = start - sum(part.shape[1] for part in parts[:-1])
        self._first = max(oldest, first)
        self._steps = torch.cat(parts, dim=1)[:, self._first - first :]

    def _encode(self, start: int, end: int) -> Tensor:
        """Steps [start, end), (1, end - start, dimension)."""
        model = self._model
        first_frame = start * model.frames_per_step
        last_frame = end * model.frames_per_step + model.step_overlap_frames
        if model.context_frames is None:
            frames = self._frames(first_frame, last_frame)[None].to(self._device)
            steps, self._state = model.encode_chunk(frames, self._state)
            return steps
        frames = self._frames(max(0, first_frame - model.context_frames), last_frame)
        return model.encode(frames[None].to(self._device))[:, start - end :]

    def _padded_step(self, n_frames: int) -> Tensor:
        """The one step of a turn that is shorter than a step: silence is added behind it."""
        model = self._model
        frames = torch.full((1, model.step_frames, model.features.dimension), SILENCE_DB)
        frames[0, :n_frames] = self._frames(0, n_frames)
        return model.encode(frames.to(self._device))

    def _frames(self, start: int, end: int) -> Tensor:
        return torch.from_numpy(self.features.read(start, end) - self._frame_offset)


def _array(batch: Tensor) -> np.ndarray:
    """Of a batch of one, (1, n) -> (n,)."""
    return batch[0].float().cpu().numpy().astype(np.float64)


@dataclasses.dataclass(frozen=True)
class ScoringSettings:
    """How windows are judged.

    Attributes:
        window_steps: how many steps the head looks back on.
        smoothing: see `TurnDecoder`; a change counts from the next turn on.
        calibration: by trigger.
        min_speech: a turn with less speech gets an utterance estimate that abstains.
    """

    window_steps: int
    smoothing: float
    calibration: dict[str, Calibration]
    min_speech: Seconds


class WindowScorer:
    """Judges the windows of a stream, in order; remembers the turn that they are of.

    Args:
        name: of the model, for the estimates.
        memory: what was said before the stream; None: nothing.

    Attributes:
        settings: may be replaced at any time.
    """

    def __init__(
        self,
        model: EmotionModel,
        name: str,
        settings: ScoringSettings,
        memory: SpeakerMemory | None = None,
    ):
        self.settings = settings
        self._model = model
        self._memory = memory or new_speaker_memory(model)
        self._ended_s: Seconds | None = None  # the last turn that is remembered
        self._name = name
        self._encoder: TurnEncoder | None = None
        self._decoder, self._affect = TurnDecoder(), TurnMean()

    def forget(self) -> None:
        """Another stream begins."""
        self._encoder = self._ended_s = None
        if self._memory is not None:
            self._memory.reset()

    def logits(self, window: Window) -> np.ndarray:
        """Smoothed logits (labels,) of an interval, or the whole turn's log-probabilities."""
        return self._judged(window)[0]

    def _judged(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """`logits`, and valence and arousal (2,), smoothed or of the whole turn alike."""
        if self._encoder is None or window.features is not self._encoder.features:
            self._encoder = TurnEncoder(
                self._model, window.features, self.settings.window_steps, self._offset(window)
            )
            self._decoder = TurnDecoder(self.settings.smoothing)
            self._affect = TurnMean(self.settings.smoothing)
        logits, affect = self._encoder.judge(window.n_frames)
        of_window = window.weight_s, window.covers_turn
        smoothed = self._decoder.window(logits, *of_window)
        if affect is not None:
            affect = self._affect.window(affect, *of_window)
        if window.trigger != UTTERANCE:
            return smoothed, affect
        self._remember(window)
        return self._decoder.utterance(), None if affect is None else self._affect.utterance()

    def _offset(self, window: Window) -> np.ndarray | None:
        """What is taken off the turn that begins."""
        if self._memory is None:
            return None
        if self._ended_s is not None and window.turn_start_s - self._ended_s > FORGET_S:
            self._memory.reset()
        return self._memory.offset

    def _remember(self, window: Window) -> None:
        """The turn has ended; one of too little speech may have been a noise."""
        if self._memory is not None and window.speech_s >= self.settings.min_speech:
            length_s = window.n_frames * self._model.features.frame_s
            self._memory.update(self._encoder.heard(window.n_frames), length_s)
            self._ended_s = window.end_s

    def __call__(self, window: Window) -> EmotionEstimate:
        settings = self.settings
        calibration = settings.calibration[window.trigger]
        logits, affect = self._judged(window)
        probabilities = calibration.probabilities(logits)
        scores = dict(zip(self._model.labels, map(float, probabilities), strict=True))
        abstains = max(scores.values()) < calibration.floor or window.speech_s < settings.min_speech
        estimate = estimate_of(window, scores, abstains, self._name, modality=AUDIO)
        if affect is None:
            return estimate
        return dataclasses.replace(estimate, valence=float(affect[0]), arousal=float(affect[1]))


def new_speaker_memory(model: EmotionModel) -> SpeakerMemory | None:
    """An empty memory, for a model that remembers."""
    if not model.has_speaker_memory:
        return None
    return SpeakerMemory(model.prior_statistics.cpu().numpy())


def estimate_of(
    window: Window,
    scores: dict[str, float],
    abstains: bool,
    model: str,
    modality: str,
    words: tuple[dict, ...] = (),
) -> EmotionEstimate:
    """What a model made of a window, as it is published; valence and arousal from its scores."""
    best = max(scores, key=scores.get)
    valence, arousal = valence_arousal(scores)
    return EmotionEstimate(
        start_s=window.start_s,
        end_s=window.end_s,
        trigger=window.trigger,
        modality=modality,
        expression=NO_EXPRESSION if abstains else best,
        confidence=scores[best],
        valence=valence,
        arousal=arousal,
        scores=scores,
        speech_ratio=window.speech_ratio,
        level_dbfs=window.level_dbfs,
        clipped=window.clipped,
        model=model,
        latency_ms=latency_ms(window),
        words=words,
    )


def latency_ms(window: Window) -> float:
    """From the capture of its last sample to now."""
    return 1e3 * (time.monotonic() - window.captured_at)
