"""Batches of augmented log-mel windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import (
    Augmentation,
    add_noise,
    between_silence,
    change_level,
    coloured_noise,
    low_pass,
    mask,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.distributed import own_part
from ser_stream.features.log_mel import SILENCE_DB, db_to_power, power_to_db
from ser_stream.features.speaker_memory import speaker_offset
from ser_stream.units import Seconds


class TrainingSet:
    """Draws training batches: corpora by their share, labels evenly, all else at random.

    Args:
        stores: features of `utterances`, one store per speed.
        n_drawn, batch_size: utterances in an epoch, and in a batch.
        max_frames: longest window; longer turns are cut to a random stretch of it.
        noises: recordings of noise as frames (n, n_mels) in dB; coloured noise is drawn as well.
        simulated: features of `utterances` as heard in rooms and through poor lines, in any number,
            each with the number of the store that they have the speed of.
        least_frames: shorter windows are followed by silence, see `pad`.
        frame_s: from one frame to the next.

    Attributes:
        answers: (utterances, labels) probabilities that are learned; those of the labels, at first.
        usual: (n_mels,) the mean frame against which voices are remembered.
    """

    def __init__(
        self,
        utterances: list[Utterance],
        stores: list[FeatureStore],
        labels: tuple[str, ...],
        mix: dict[str, float],
        augmentation: Augmentation,
        n_drawn: int,
        batch_size: int,
        max_frames: int,
        noises: list[np.ndarray] = (),
        simulated: list[tuple[int, FeatureStore]] = (),
        least_frames: int = 1,
        frame_s: Seconds = 0.01,
    ):
        self.n_drawn = n_drawn
        self.steps = max(1, n_drawn // batch_size)
        self.stores = stores
        self.targets = np.array([labels.index(u.label) for u in utterances])
        self.answers = np.eye(len(labels), dtype=np.float32)[self.targets]
        self.augmentation = augmentation
        self.max_frames = max_frames
        self.noises = list(noises)
        self.simulated = list(simulated)
        self.least_frames = least_frames
        self._groups = _groups(utterances, mix)
        self.fill = np.mean([frames.mean(axis=0) for frames in self._sample()], axis=0)
        self.usual = self.fill
        self._history = (
            self._heard_before(utterances, frame_s) if augmentation.speaker_history else None
        )

    def _heard_before(self, utterances: list[Utterance], frame_s: Seconds) -> SpeakerHistory | None:
        """Where frames are heard against a past: what it is drawn from."""
        return SpeakerHistory(utterances, self.stores, frame_s)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each band (n_mels,), over a sample of augmented utterances."""
        rng = np.random.default_rng(0)
        frames = [self.augmented(i, rng)[0] for i in self.draw(2000, rng)]
        frames = np.concatenate(frames).astype(np.float64)
        return frames.mean(axis=0), frames.std(axis=0)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        """Batches: features (batch, frames, n_mels), lengths (batch,); targets (batch, labels).

        Utterances of like length share a batch, which keeps padding small.
        """
        drawn = self.draw(self.n_drawn, rng)
        lengths = self.stores[0].speech_frames[drawn] + rng.normal(0, 30, len(drawn))
        batches = np.array_split(drawn[np.argsort(lengths)], self.steps)
        for number in rng.permutation(len(batches)):
            batch = own_part(batches[number])
            items = [self._mixed(i, batch, rng) for i in batch]
            targets = torch.from_numpy(np.stack([target for _, target in items]))
            yield pad([frames for frames, _ in items], self.least_frames), targets

    def _sample(self) -> list[np.ndarray]:
        store = self.stores[len(self.stores) // 2]
        return [store.utterance(i) for i in range(0, len(store), max(1, len(store) // 500))]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of utterances: each corpus by its share, and within it each label as often."""
        drawn = []
        for share, members in self._groups:
            rounds, rest = divmod(round(n * share), len(members))
            drawn += [members] * rounds + [rng.choice(members, rest, replace=False)]
        return np.concatenate(drawn)

    def augmented(
        self, index: int, rng: np.random.Generator, around: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Frames of one utterance and its one-hot target.

        Args:
            around: decides on room, microphone and noise; of the same seed, they are the same.
                None: `rng` does.
        """
        settings = self.augmentation
        if rng.random() < settings.no_speech:
            n_labels = self.answers.shape[1]
            return self._without_voice(rng), np.full(n_labels, 1 / n_labels, np.float32)
        around = around or rng
        if around.random() < settings.simulated_channel:
            number, store = self.simulated[around.integers(len(self.simulated))]
        else:
            number = around.integers(len(self.stores))
            store = self.stores[number]
        frames = store.utterance(index, tail=True)
        n_speech = store.speech_frames[index]
        start = rng.integers(min(settings.shift, n_speech // 4) + 1)
        frames = frames[start : rng.integers(n_speech, len(frames) + 1)]
        frames, goes_on = self.stretch(frames, rng)
        stretch = 1.0
        if settings.warp:
            stretch = 1 + around.uniform(-settings.warp, settings.warp)
            frames = warp_bands(frames, stretch)
        unchanged = frames
        frames = change_level(frames, around.uniform(*settings.gain_db))
        if settings.tilt_db:
            frames = frames + tilt(frames.shape[1], settings.tilt_db, around)
        if rng.random() < settings.silence:
            longest = min(settings.silence_frames, (self.max_frames - len(frames)) // 2)
            before, behind = rng.integers(longest + 1, size=2)
            frames = between_silence(frames, before, 0 if goes_on else behind)
        if around.random() < settings.noise:
            snr_db, kind = around.uniform(*settings.snr_db), around.spawn(1)[0]
            frames = add_noise(frames, self._noise(len(frames), kind), snr_db)
        if around.random() < settings.low_pass:
            frames = low_pass(frames, around)
        if self._history is not None and rng.random() < settings.speaker_history:
            colour = frames.mean(axis=0) - unchanged.mean(axis=0)
            frames = frames - self._before(index, number, store, stretch, colour, rng)
        return frames, self.answers[index]

    def stretch(self, frames: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        """What of a turn (frames, n) is heard: all, or its beginning; and whether it goes on."""
        goes_on = rng.random() < self.augmentation.prefix
        if goes_on:
            frames = random_prefix(frames, self.augmentation.min_frames, rng)
        if len(frames) > self.max_frames:
            start = rng.integers(len(frames) - self.max_frames + 1)
            frames = frames[start : start + self.max_frames]
        return frames, goes_on

    def _before(
        self,
        index: int,
        number: int,
        store: FeatureStore,
        stretch: float,
        colour: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """What a memory of the speaker takes off (n_mels,), heard in the same room and noise.

        Args:
            number: of the undisturbed store that has the speed of `store`.
            stretch: of the bands. colour: what else was done to the utterance, in dB.
        """
        mean, heard_s = self._history.draw(index, number, rng)
        if store is not self.stores[number]:
            mean = mean + store.utterance(index).mean(axis=0) - self._history.mean(index, number)
        return speaker_offset(self.usual, warp_bands(mean[None], stretch)[0] + colour, heard_s)

    def _without_voice(self, rng: np.random.Generator) -> np.ndarray:
        settings = self.augmentation
        n_frames = rng.integers(settings.min_frames, self.max_frames + 1)
        frames = repeat_to(self.noises[rng.integers(len(self.noises))], n_frames, rng)
        return change_level(frames, rng.uniform(*settings.gain_db))

    def _noise(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < self.augmentation.babble:
            return self._babble(n_frames, rng)
        if not self.noises or rng.random() < 0.5:
            return coloured_noise(n_frames, len(self.fill), rng)
        return repeat_to(self.noises[rng.integers(len(self.noises))], n_frames, rng)

    def _babble(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Three to eight utterances at once, each at the same level."""
        store = self.stores[rng.integers(len(self.stores))]
        babble = np.zeros((n_frames, len(self.fill)))
        for index in rng.integers(len(store), size=rng.integers(3, 9)):
            voice = db_to_power(repeat_to(store.utterance(index), n_frames, rng))
            babble += voice / voice.mean()
        return power_to_db(babble)

    def _mixed(
        self, index: int, partners: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """An augmented utterance, mixed with a partner from the same batch, then masked."""
        frames, target = self.augmented(index, rng)
        if self.augmentation.mixup > 0:
            share = rng.beta(self.augmentation.mixup, self.augmentation.mixup)
            share = np.float32(max(share, 1 - share))  # the utterance's own length rules
            other, other_target = self.augmented(rng.choice(partners), rng)
            other = repeat_to(other, len(frames), rng)
            frames = share * frames + (1 - share) * other
            target = share * target + (1 - share) * other_target
        return self.masked(frames, rng), target

    def masked(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """SpecAugment."""
        return mask(frames, self.augmentation, self.fill, rng)


def _groups(utterances: list[Utterance], mix: dict[str, float]) -> list[tuple[float, np.ndarray]]:
    """Share of an epoch, and indices, of each label of each corpus."""
    names = np.array([(u.corpus, u.label) for u in utterances])
    groups = []
    for corpus, share in mix.items():
        labels = np.unique(names[names[:, 0] == corpus, 1])
        for label in labels:
            members = np.flatnonzero((names == (corpus, label)).all(axis=1))
            groups.append((share / len(labels), members))
    return groups


class EvaluationWindows:
    """One window per utterance, to be judged: its speech, the last of it where it is longer.

    Args:
        targets: (utterances,) indices of labels.
        max_frames: longest window.
        least_frames: shorter ones are followed by silence, see `pad`.
    """

    def __init__(
        self, store: FeatureStore, targets: np.ndarray, max_frames: int, least_frames: int = 1
    ):
        self.store = store
        self.targets = targets
        self.max_frames = max_frames
        self.least_frames = least_frames

    def batches(self, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor]]]:
        """Indices (batch,), and features and lengths of utterances of like length."""
        order = np.argsort(self.store.speech_frames)
        for start in range(0, len(order), size):
            members = order[start : start + size]
            items = [self.store.utterance(i)[-self.max_frames :] for i in members]
            yield members, pad(items, self.least_frames)


def pad(items: list[np.ndarray], least_frames: int = 1) -> tuple[Tensor, Tensor]:
    """Right-pad to the longest: features (items, frames, n_mels), lengths (items,).

    Items shorter than `least_frames` are as long, and end in silence: what a network needs for a
    step, and what it is given live of a turn that is shorter.
    """
    lengths = torch.tensor([max(len(frames), least_frames) for frames in items])
    features = torch.zeros(len(items), int(lengths.max()), items[0].shape[1])
    for row, frames, length in zip(features, items, lengths, strict=True):
        row[: len(frames)] = torch.from_numpy(frames)
        row[len(frames) : length] = SILENCE_DB
    return features, lengths
