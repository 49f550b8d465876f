"""Training batches of a network that remembers statistics of its states.

What was said before an utterance must pass the network as it is now. So a batch holds some
utterances of each of a few speakers, and each utterance's past is others of its speaker in the same
batch: nothing is computed for the past's sake.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.data.speaker_history import NEUTRAL, are_neutral
from ser_stream.data.windows import TrainingSet, pad
from ser_stream.distributed import own_part
from ser_stream.features.speaker_memory import MEMORY_S, memory_weight
from ser_stream.units import Seconds

TOGETHER = 8
"""Utterances of a speaker in a batch, at most: one is judged, and up to seven were before it."""
SAME_PLACE = 0.8
"""Share of conversations in which all utterances are heard in the same room, noise and so on."""


class ConversationBatches(TrainingSet):
    """As `TrainingSet`; batches come with each utterance's past, for `VoiceLstm.forward`."""

    def _heard_before(self, utterances: list[Utterance], frame_s: Seconds) -> None:
        self._speakers = np.array([u.speaker for u in utterances])
        self._neutral = are_neutral(utterances)
        self._frame_s = frame_s

    def epoch(
        self, rng: np.random.Generator
    ) -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], Tensor]]:
        """Batches: features (batch, frames, n_mels), lengths, past (batch, batch); targets.

        Lengths are (batch,), targets (batch, labels).
        """
        drawn = rng.permutation(self.draw(self.n_drawn, rng))
        by_speaker: dict[str, list[int]] = {}
        for index in drawn:
            by_speaker.setdefault(self._speakers[index], []).append(index)
        talks = [
            members[start : start + TOGETHER]
            for members in by_speaker.values()
            for start in range(0, len(members), TOGETHER)
        ]
        talks = [talks[number] for number in rng.permutation(len(talks))]
        for batch in _filled(talks, max(TOGETHER, self.n_drawn // self.steps)):
            batch = own_part(batch)
            items = [item for talk in batch for item in self._talk(talk, rng)]
            features, lengths = pad([frames for frames, _ in items], self.least_frames)
            past = self._past(batch, lengths.numpy() * self._frame_s, rng)
            targets = torch.from_numpy(np.stack([target for _, target in items]))
            yield (features, lengths, torch.from_numpy(past)), targets

    def _talk(
        self, talk: list[int], rng: np.random.Generator
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        place = rng.integers(2**32) if rng.random() < SAME_PLACE else None
        items = []
        for index in talk:
            around = rng if place is None else np.random.default_rng(place)
            frames, target = self.augmented(index, rng, around)
            items.append((self.masked(frames, rng), target))
        return items

    def _past(
        self, talks: list[list[int]], lengths_s: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(utterances, utterances) float32: how much of which other one is taken off.

        A row sums to `memory_weight` what was heard, or is zero: nobody was heard before.
        """
        past = np.zeros((len(lengths_s), len(lengths_s)), np.float32)
        start = 0
        for talk in talks:
            places = np.arange(start, start + len(talk))
            start += len(talk)
            for place in places:
                others = places[places != place]
                if not len(others) or rng.random() >= self.augmentation.speaker_history:
                    continue
                neutral = others[self._neutral[np.array(talk)[others - places[0]]]]
                if len(neutral) and rng.random() < NEUTRAL:
                    others = neutral
                chosen = rng.choice(others, rng.integers(1, len(others) + 1), replace=False)
                share = memory_weight(min(lengths_s[chosen].sum(), MEMORY_S))
                past[place, chosen] = share * lengths_s[chosen] / lengths_s[chosen].sum()
        return past


def _filled(talks: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    """Batches of whole talks, of `size` utterances or some more; what is left over is left out."""
    batch: list[list[int]] = []
    for talk in talks:
        batch.append(talk)
        if sum(map(len, batch)) >= size:
            yield batch
            batch = []
