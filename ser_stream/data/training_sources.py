"""Sources and settings of a training set, and the sampler of its utterances."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA
from ser_stream.data.augmentation import Augmentation
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.units import Seconds


@dataclasses.dataclass(frozen=True)
class TrainingSources:
    """Features that training windows are cut from.

    Attributes:
        utterances: the recordings of the training part.
        stores: features of `utterances`, one store per playback speed.
        simulated: features of `utterances` through simulated channels; each with the index in
            `stores` of the speed at which it was computed.
        noises: recorded noises, each (frames, n_mels) in dB. Coloured noise is generated besides.
    """

    utterances: Sequence[Utterance]
    stores: Sequence[FeatureStore]
    simulated: Sequence[tuple[int, FeatureStore]] = ()
    noises: Sequence[np.ndarray] = ()

    def mean_frame(self) -> np.ndarray:
        """Return the mean frame (n_mels,) of about 500 utterances at the middle speed, in dB."""
        store = self.stores[len(self.stores) // 2]
        sample = range(0, len(store), max(1, len(store) // 500))
        return np.mean([store.utterance(i).mean(axis=0) for i in sample], axis=0)


@dataclasses.dataclass(frozen=True)
class TrainingSetSettings:
    """How training windows are drawn, cut, augmented and put into batches.

    Attributes:
        labels: the labels of the network, in the order of its outputs.
        mix: corpus -> share of an epoch's utterances; the shares sum to 1.
        max_frames: length of the longest window; longer turns are cut to a random part.
        min_frames: windows shorter than this end in silence, see `pad`.
        frame_s: time from one frame to the next.
    """

    labels: tuple[str, ...]
    mix: Mapping[str, float]
    augmentation: Augmentation
    utterances_per_epoch: int
    batch_size: int
    max_frames: int
    min_frames: int = 1
    frame_s: Seconds = 0.01

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return max(1, self.utterances_per_epoch // self.batch_size)


def label_indices(utterances: Sequence[Utterance], labels: tuple[str, ...]) -> np.ndarray:
    """Return the index of each utterance's label, (utterances,)."""
    return np.array([labels.index(utterance.label) for utterance in utterances])


class UtteranceSampler:
    """Draws the utterances of an epoch: corpora by their shares, the labels of a corpus equally.

    Of a corpus that is `balanced_by_word`, each word is drawn equally often with each label, so
    that the word tells nothing of the label. Words that do not occur with every label keep the
    share that they have of their label.
    """

    def __init__(self, utterances: Sequence[Utterance], mix: Mapping[str, float]):
        self._groups: list[tuple[float, np.ndarray]] = []
        corpora = np.array([u.corpus for u in utterances])
        labels = np.array([u.label for u in utterances])
        for corpus, share in mix.items():
            present = np.unique(labels[corpora == corpus])
            by_label = [np.flatnonzero((corpora == corpus) & (labels == x)) for x in present]
            known = CORPORA.get(corpus)
            if known is not None and known.balanced_by_word:
                cells = _balanced_by_word([u.text for u in utterances], by_label)
            else:
                cells = [(1.0, members) for members in by_label]
            self._groups += [(share / len(present) * part, members) for part, members in cells]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return the indices of about `n` utterances; small groups are repeated."""
        drawn = []
        for share, members in self._groups:
            rounds, rest = divmod(round(n * share), len(members))
            drawn += [members] * rounds + [rng.choice(members, rest, replace=False)]
        return np.concatenate(drawn)


def _balanced_by_word(
    texts: Sequence[str], by_label: Sequence[np.ndarray]
) -> list[tuple[float, np.ndarray]]:
    """Return (share of its label, members) of each group of a label's utterances.

    Args:
        texts: the words of all utterances.
        by_label: indices of the utterances of each label.
    """
    words = np.array(texts)
    everywhere = set.intersection(*(set(words[members]) for members in by_label)) - {""}
    cells = []
    for members in by_label:
        rest = members[~np.isin(words[members], sorted(everywhere))]
        rest_share = len(rest) / len(members)
        if len(rest):
            cells.append((rest_share, rest))
        for word in sorted(everywhere):
            share = (1 - rest_share) / len(everywhere)
            cells.append((share, members[words[members] == word]))
    return cells
