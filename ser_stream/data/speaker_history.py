"""What was said before an utterance, in training: utterances of its speaker, at random.

It may be among them itself: of a corpus's speakers, who have sixty utterances and more, seldom.
"""

from __future__ import annotations

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.features.speaker_memory import MEMORY_S
from ser_stream.units import Seconds

MOST = 12
"""Utterances of the speaker that were heard before, at most."""
NEUTRAL = 0.3
"""Share of conversations that were neutral so far, as most are; else any emotions were heard."""


class SpeakerHistory:
    """Draws conversations.

    Args:
        stores: features of `utterances`, one store per speed.
        frame_s: from one frame to the next.
    """

    def __init__(self, utterances: list[Utterance], stores: list[FeatureStore], frame_s: Seconds):
        self._frame_s = frame_s
        self._means = [_mean_frames(store) for store in stores]
        self._lengths = [store.speech_frames for store in stores]
        speakers = np.array([u.speaker for u in utterances])
        neutral = are_neutral(utterances)
        members = {speaker: np.flatnonzero(speakers == speaker) for speaker in set(speakers)}
        self._all = [members[speaker] for speaker in speakers]
        self._neutral = [members[speaker][neutral[members[speaker]]] for speaker in speakers]

    def mean(self, index: int, store: int) -> np.ndarray:
        """Mean frame (n_mels,) of one utterance in the store of that number."""
        return self._means[store][index]

    def draw(self, index: int, store: int, rng: np.random.Generator) -> tuple[np.ndarray, Seconds]:
        """Before an utterance: mean frame (n_mels,) in dB, and how much speech it is of."""
        among = self._all[index]
        if rng.random() < NEUTRAL and len(self._neutral[index]):
            among = self._neutral[index]
        count = min(rng.integers(1, MOST + 1), len(among))
        chosen = rng.choice(among, count, replace=False)
        lengths = self._lengths[store][chosen]
        mean = np.average(self._means[store][chosen], axis=0, weights=lengths)
        return mean, min(float(lengths.sum()) * self._frame_s, MEMORY_S)


def are_neutral(utterances: list[Utterance]) -> np.ndarray:
    """(utterances,) bool; calm speech is neutral too."""
    return np.array([utterance.label in ("neutral", "calm") for utterance in utterances])


def _mean_frames(store: FeatureStore) -> np.ndarray:
    """Mean of each utterance's frames, (utterances, n_mels) in dB."""
    return np.stack([store.utterance(i).mean(axis=0) for i in range(len(store))])
