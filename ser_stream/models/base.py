"""What a streaming emotion network is.

Almost all of a window's answer is computed before the window is complete. A network therefore comes
in two parts. The front end turns frames into steps; a step depends on the frames of its own past
within the turn, at most `context_frames` before the hop it falls in, or what a recurrent network
keeps of them, so it is computed once and kept. The head turns the last few dozen steps into logits,
once per hop::

    frames   ..................................................  10 ms each, since the turn began
    steps    |    |    |    |    |    |    |    |    |    |      encode(): each computed once
    window              [----------------------------------]     classify(): the last window_steps

A network that sees words beside sound judges whole utterances, cut into segments: `BimodalModel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.attention import valid_steps
from ser_stream.models.segment_batch import SegmentBatch


class NormalisingModel(nn.Module):
    """What all networks have: labels, and features that they normalise themselves.

    Attributes:
        labels: one per logit.
        features: settings of the features it is given.
        mean, std: (features.dimension,) buffers, each band's, or coefficient's, statistics over the
            training set.
        takes: what it judges by, in words.
        has_speaker_memory: whether turns are normalised by the turns before, see `SpeakerMemory`.
    """

    takes: str
    has_speaker_memory: bool = False

    def __init__(self, labels: tuple[str, ...], features: LogMelConfig):
        super().__init__()
        self.labels = tuple(labels)
        self.features = features
        self.register_buffer("mean", torch.zeros(features.dimension), persistent=False)
        self.register_buffer("std", torch.ones(features.dimension), persistent=False)

    def set_normalisation(self, mean: Tensor, std: Tensor) -> None:
        """Mean and standard deviation of the training set's frames.

        Both (dimension,), or (frames, dimension) where each cell of a window has its own.
        """
        self.mean = mean.to(self.mean)
        self.std = std.to(self.std)

    def normalise(self, features: Tensor) -> Tensor:
        """(..., dimension) -> zero mean and unit deviation per band."""
        return (features - self.mean) / self.std

    def loss(self, *inputs, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """What training makes small, the mean over the batch.

        Args:
            inputs: as `forward`.
            targets: (batch,) indices of labels, or (batch, labels) probabilities.
        """
        logits = self(*inputs).float()
        return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)


class EmotionModel(NormalisingModel):
    """Base of the networks that stream: frames in, logits out.

    Attributes:
        hop_frames, window_frames: how often it answers and how far it looks back, in frames.
        context_frames: frames that `encode` must be given in front of a hop, so that the hop's
            steps come out as if it had been given the whole turn. None: all of them, or what
            `encode_on` gave of them.
        frames_per_step: frames from one step to the next.
        context_of_step: frames that a step covers beyond those: the overlap of neighbouring chunks.
        pretrained_parts: sources of the pretrained weights, for the model card.
        remembers_statistics: whether the speaker memory holds the network's `statistics` of a turn
            instead of its mean frame.
    """

    takes = "sound alone"

    hop_frames: int
    window_frames: int
    context_frames: int | None
    frames_per_step: int
    context_of_step: int = 0
    pretrained_parts: tuple[str, ...] = ()
    remembers_statistics: bool = False

    def load_pretrained(self) -> None:
        """Load what training begins with, of a network that does not begin by chance."""

    def fit_statistics(self, turns: Iterator[tuple[Tensor, Tensor]]) -> None:
        """Learn, before training, what turns usually have, of a network that begins so.

        Args:
            turns: batches of steps and of their numbers: arguments as `classify`.
        """

    @property
    def pretrained(self) -> nn.Module | None:
        """The front end that `load_pretrained` loads, or None."""
        return None

    @property
    def prior_statistics(self) -> Tensor:
        """What is remembered of a turn, as the training set has it on average, (n,)."""
        return self.mean

    @property
    def step_frames(self) -> int:
        """Frames that a step covers: the least that are judged."""
        return self.frames_per_step + self.context_of_step

    @property
    def window_steps(self) -> int:
        """Steps in a whole window."""
        return self.steps_in(self.window_frames)

    def steps_in(self, n_frames: int) -> int:
        """Number of whole steps in a turn of that many frames."""
        return max(0, (n_frames - self.context_of_step) // self.frames_per_step)

    def encode(self, features: Tensor) -> Tensor:
        """Front end: (batch, frames, n_mels) in dB -> (batch, steps_in(frames), dimension).

        The first frame given counts as the turn's first: what lies before it is zero.
        """
        raise NotImplementedError

    def encode_on(self, features: Tensor, state: Any) -> tuple[Tensor, Any]:
        """`encode` in parts, for a network without `context_frames`.

        Args:
            features: (batch, frames, n_mels), those that follow; a multiple of `frames_per_step`.
            state: what this gave of the frames before; None: there were none.

        Returns:
            Steps (batch, steps, dimension) of these frames, and the state behind them.
        """
        raise NotImplementedError

    def statistics(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What is remembered of a turn, (batch, n), where `remembers_statistics`.

        Arguments as `classify`.
        """
        raise NotImplementedError

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Head: (batch, steps, dimension) -> logits (batch, labels).

        Args:
            lengths: (batch,) valid steps of each item, at least 1; None where all are valid. Steps
                behind them have no influence.
        """
        raise NotImplementedError

    def judge(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits as `classify`, and valence and arousal (batch, 2) where the network has them.

        Args:
            offset: (n,) what is taken off `statistics`, where `remembers_statistics`.
        """
        return self.classify(steps, lengths), None

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (batch, labels) of whole windows (batch, frames, n_mels) in dB.

        Args:
            lengths: (batch,) valid frames of each item, each enough for one step.
        """
        steps = self.encode(self.levelled(features, lengths))
        return self.classify(steps, self.step_lengths(lengths))

    def levelled(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """The same features, with the training set's mean behind each item's length.

        Nothing there has influence on an answer, but in training batch normalisation takes its
        statistics over all of a batch: padding of another level would shift them.
        """
        if lengths is None:
            return features
        valid = valid_steps(features.shape[1], lengths)
        return torch.where(valid[..., None], features, self.mean)

    def step_lengths(self, lengths: Tensor | None) -> Tensor | None:
        """Valid steps of items of which so many frames are valid, (batch,)."""
        if lengths is None:
            return None
        return (lengths - self.context_of_step) // self.frames_per_step

    def attention_weights(
        self, features: Tensor, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """What each attention layer over time weighs: its name -> (batch, frames).

        Arguments as `forward`. A step's weight is spread over the frames that it covers. Empty for
        a network without such a layer.
        """
        return {}


class BimodalModel(NormalisingModel):
    """Base of the networks that see words beside sound: whole utterances in, logits out.

    They do not stream: words are known late, and all at once.

    Raises:
        InputError: `features` are not those of segments.
    """

    takes = "words beside sound"

    def __init__(self, labels: tuple[str, ...], features: SegmentConfig):
        if not isinstance(features, SegmentConfig):
            raise InputError(
                f"features: found {type(features).__name__}; a network that takes {self.takes} "
                "needs those of segments"
            )
        super().__init__(labels, features)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that it knows: none, where words have no influence."""
        return Vocabulary(())

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Logits (batch, labels): what their softmax gives is the network's answer."""
        raise NotImplementedError

    def explained(self, batch: SegmentBatch) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Logits (batch, labels), and what each word weighs.

        By text's and by audio's attention, (batch, heads, words) each; None for a network that does
        not have both.
        """
        return self(batch), None
