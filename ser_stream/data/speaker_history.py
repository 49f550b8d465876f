"""Earlier turns of a speaker in training: other utterances of the same speaker, drawn at random.

The utterance itself may be among them, which is rare in corpora with sixty utterances per speaker.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.features.speaker_memory import MEMORY_S
from ser_stream.units import Seconds

MAX_EARLIER_TURNS = 12
NEUTRAL_SHARE = 0.3
"""Share of conversations whose earlier turns are all neutral; the others have any emotions."""


class SpeakerHistory:
    """Draws the earlier turns of conversations.

    Args:
        stores: features of `utterances`, one store per playback speed.
        frame_s: time from one frame to the next.
    """

    def __init__(
        self, utterances: Sequence[Utterance], stores: Sequence[FeatureStore], frame_s: Seconds
    ):
        self._frame_s = frame_s
        self._means = [_mean_frames(store) for store in stores]
        self._lengths = [store.speech_frames for store in stores]
        speakers = np.array([u.speaker for u in utterances])
        neutral = are_neutral(utterances)
        members = {speaker: np.flatnonzero(speakers == speaker) for speaker in set(speakers)}
        self._all = [members[speaker] for speaker in speakers]
        self._neutral = [members[speaker][neutral[members[speaker]]] for speaker in speakers]

    def mean(self, index: int, speed: int) -> np.ndarray:
        """Return the mean frame (n_mels,) of an utterance at the speed of that index, in dB."""
        return self._means[speed][index]

    def draw(self, index: int, speed: int, rng: np.random.Generator) -> tuple[np.ndarray, Seconds]:
        """Draw turns before an utterance: their mean frame (n_mels,) in dB, and their length."""
        among = self._all[index]
        if rng.random() < NEUTRAL_SHARE and len(self._neutral[index]):
            among = self._neutral[index]
        count = min(int(rng.integers(1, MAX_EARLIER_TURNS + 1)), len(among))
        chosen = rng.choice(among, count, replace=False)
        lengths = self._lengths[speed][chosen]
        mean = np.average(self._means[speed][chosen], axis=0, weights=lengths)
        return mean, min(float(lengths.sum()) * self._frame_s, MEMORY_S)


def are_neutral(utterances: Sequence[Utterance]) -> np.ndarray:
    """Return (utterances,) bool; calm speech counts as neutral."""
    return np.array([utterance.label in ("neutral", "calm") for utterance in utterances])


def _mean_frames(store: FeatureStore) -> np.ndarray:
    """Return the mean frame of each utterance, (utterances, n_mels) in dB."""
    return np.stack([store.utterance(i).mean(axis=0) for i in range(len(store))])
