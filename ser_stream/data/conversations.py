"""Training batches of a network that remembers statistics of its hidden states.

The earlier turns of a conversation must pass the network with its present weights. A batch
therefore holds several utterances of each of a few speakers, and the earlier turns of an utterance
are others of its speaker in the same batch, which need no computation of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.data.log_mel_windows import LogMelWindows, WindowAugmenter
from ser_stream.data.speaker_history import NEUTRAL_SHARE, are_neutral
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.data.windows import TrainingSet, pad
from ser_stream.distributed import share_of_process
from ser_stream.features.speaker_memory import MEMORY_S, memory_weight

MAX_TURNS = 8
"""Maximum number of utterances of a speaker in a batch: a turn and up to seven earlier ones."""
SAME_ENVIRONMENT_SHARE = 0.8
"""Share of conversations whose utterances all have the same room, microphone and noise."""


class ConversationBatches(TrainingSet):
    """A `TrainingSet` whose batches come with earlier turns, for `VoiceLstm.forward`."""

    def __init__(
        self, sources: TrainingSources, settings: TrainingSetSettings, windows: WindowAugmenter
    ):
        super().__init__(sources, settings, windows)
        self._speakers = np.array([u.speaker for u in sources.utterances])
        self._neutral = are_neutral(sources.utterances)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Yield batches: features (batch, frames, n_mels), lengths (batch,), history; targets.

        History is (batch, batch), see `history_weights`; targets are (batch, labels) probabilities.
        """
        settings = self.settings
        batch_size = max(MAX_TURNS, settings.utterances_per_epoch // self.steps)
        for batch in _batches_of_conversations(self._conversations(rng), batch_size):
            own = [batch[number] for number in share_of_process(np.arange(len(batch)))]
            items = [item for turns in own for item in self.augmented_turns(turns, rng)]
            windows = [frames for frames, _ in items]
            features, lengths = self.collated(windows)
            lengths_s = np.maximum(list(map(len, windows)), settings.min_frames) * settings.frame_s
            history = self.history_weights(own, lengths_s, rng)
            targets = torch.from_numpy(np.stack([target for _, target in items]))
            yield (features, lengths, torch.from_numpy(history)), targets

    def collated(self, windows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return windows (frames, n_mels) as one batch, and their lengths; see `pad`."""
        return pad(windows, self.settings.min_frames)

    def _conversations(self, rng: np.random.Generator) -> list[list[int]]:
        """Draw an epoch's utterances; return groups of one speaker each, in random order."""
        drawn = rng.permutation(self.draw(self.settings.utterances_per_epoch, rng))
        by_speaker: dict[str, list[int]] = {}
        for index in drawn:
            by_speaker.setdefault(self._speakers[index], []).append(int(index))
        groups = [
            members[start : start + MAX_TURNS]
            for members in by_speaker.values()
            for start in range(0, len(members), MAX_TURNS)
        ]
        return [groups[number] for number in rng.permutation(len(groups))]

    def augmented_turns(
        self, turns: Sequence[int], rng: np.random.Generator
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return windows and targets of a conversation, mostly in one environment."""
        seed = rng.integers(2**32) if rng.random() < SAME_ENVIRONMENT_SHARE else None
        items = []
        for index in turns:
            environment = rng if seed is None else np.random.default_rng(seed)
            frames, target = self.windows.augmented(index, rng, environment)
            items.append((self.windows.masked(frames, rng), target))
        return items

    def history_weights(
        self,
        conversations: Sequence[Sequence[int]],
        lengths_s: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return the weights of earlier turns, (utterances, utterances) float32.

        Row i holds how much of each other utterance's statistics is subtracted from utterance i. A
        row sums to `memory_weight` the seconds of earlier speech, or to 0 where there was none.
        """
        weights = np.zeros((len(lengths_s), len(lengths_s)), np.float32)
        start = 0
        for turns in conversations:
            rows = np.arange(start, start + len(turns))
            start += len(turns)
            neutral = self._neutral[np.array(turns)]
            for row in rows:
                others = rows[rows != row]
                if not len(others) or rng.random() >= self.settings.augmentation.speaker_history:
                    continue
                neutral_others = others[neutral[others - rows[0]]]
                if len(neutral_others) and rng.random() < NEUTRAL_SHARE:
                    others = neutral_others
                chosen = rng.choice(others, rng.integers(1, len(others) + 1), replace=False)
                share = memory_weight(min(lengths_s[chosen].sum(), MEMORY_S))
                weights[row, chosen] = share * lengths_s[chosen] / lengths_s[chosen].sum()
        return weights


def conversation_batches(
    sources: TrainingSources, settings: TrainingSetSettings, targets: np.ndarray | None = None
) -> ConversationBatches:
    """Return batches of log-mel windows with earlier turns.

    Args:
        targets: see `LogMelWindows`.
    """
    return ConversationBatches(sources, settings, LogMelWindows(sources, settings, targets))


def _batches_of_conversations(
    conversations: Sequence[list[int]], size: int
) -> Iterator[list[list[int]]]:
    """Yield batches of whole conversations, of `size` utterances or a few more; drop the rest."""
    batch: list[list[int]] = []
    for turns in conversations:
        batch.append(turns)
        if sum(map(len, batch)) >= size:
            yield batch
            batch = []
