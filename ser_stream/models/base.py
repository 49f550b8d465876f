"""Base classes of the networks.

A streaming network computes almost all of a window's answer before the window is complete. It has
two parts. The front end turns frames into steps; a step depends on the `context_frames` frames in
front of the hop it falls in, or on the state that a recurrent network keeps of the turn, so it is
computed once and kept. The head turns the last few dozen steps into logits, once per hop::

    frames   ..................................................  10 ms each, since the turn began
    steps    |    |    |    |    |    |    |    |    |    |      encode(): each computed once
    window              [----------------------------------]     classify(): the last window_steps

A network that takes sound and words scores whole utterances, cut into segments: see
`BimodalModel`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.base import FeatureConfig, StreamingFeatureConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.attention import valid_steps
from ser_stream.models.framing import Framing
from ser_stream.models.segment_batch import SegmentBatch

State = tuple[Tensor, ...]
"""State of a recurrent front end after some steps: tensors whose first dimension is the batch."""


class NormalisingModel(nn.Module):
    """Base of all networks: labels, and features that the network normalises itself.

    Attributes:
        labels: one per logit.
        features: settings of the features that the network is given.
        mean, std: (features.dimension,) buffers, statistics of each band or coefficient over the
            training set.
        input_description: the kind of input, as a phrase for error messages.
        has_speaker_memory: whether turns are normalised by earlier turns, see `SpeakerMemory`.
        former_names: names of tensors in the weight files of earlier versions -> their names now.
    """

    input_description: str
    has_speaker_memory: bool = False
    former_names: Mapping[str, str] = MappingProxyType({})
    mean: Tensor
    std: Tensor

    def __init__(self, labels: tuple[str, ...], features: FeatureConfig):
        super().__init__()
        self.labels = tuple(labels)
        self.features = features
        self.register_buffer("mean", torch.zeros(features.dimension), persistent=False)
        self.register_buffer("std", torch.ones(features.dimension), persistent=False)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Load weights of any age, see `former_names`."""
        for before, now in self.former_names.items():
            if prefix + before in state_dict:
                state_dict[prefix + now] = state_dict.pop(prefix + before)
        super()._load_from_state_dict(state_dict, prefix, *others)

    def set_normalisation(self, mean: Tensor, std: Tensor) -> None:
        """Set the mean and standard deviation of the training set's frames.

        Both are (dimension,), or (frames, dimension) where each cell of a window has its own.
        """
        self.mean = mean.to(self.mean)
        self.std = std.to(self.std)

    def normalise(self, features: Tensor) -> Tensor:
        """Return features (..., dimension) with zero mean and unit deviation per band."""
        return (features - self.mean) / self.std

    def loss(self, *inputs: Any, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Return the training loss, the mean over the batch.

        Args:
            inputs: the arguments of `forward`.
            targets: (batch,) indices of labels, or (batch, labels) probabilities.
        """
        logits = self(*inputs).float()
        return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)


class EmotionModel(NormalisingModel):
    """Base of the streaming networks: frames in, logits out.

    Attributes:
        hop_frames, window_frames: frames from one answer to the next, and frames of a window.
        context_frames: frames in front of a hop that `encode` must be given so that the hop's steps
            equal those of the whole turn. None for a network whose steps depend on the whole turn:
            it implements `encode_chunk`.
        frames_per_step: frames from one step to the next.
        step_overlap_frames: frames that a step covers beyond `frames_per_step`: the overlap of
            neighbouring chunks.
        block_steps: steps that `encode_chunk` computes together, see `Framing`.
        shared_encoder: folder of `ser_stream/weights` that holds the front end, where models share
            it; "": each model has its own.
        pretrained_parts: sources of the pretrained weights, for the model card.
        remembers_statistics: whether the speaker memory holds the network's `statistics` of a turn
            instead of the turn's mean frame.
    """

    input_description = "sound alone"

    features: StreamingFeatureConfig
    hop_frames: int
    window_frames: int
    context_frames: int | None
    frames_per_step: int
    step_overlap_frames: int = 0
    block_steps: int = 1
    shared_encoder: str = ""
    pretrained_parts: tuple[str, ...] = ()
    remembers_statistics: bool = False

    def load_pretrained(self) -> None:
        """Load the pretrained weights that training starts from, where the network has any."""

    def fit_statistics(self, turns: Iterator[tuple[Tensor, Tensor]]) -> None:
        """Estimate the statistics of the network's steps over the training set, before training.

        Args:
            turns: batches of steps (batch, steps, dimension) and their lengths (batch,).
        """

    @property
    def pretrained_encoder(self) -> nn.Module | None:
        """The front end that `load_pretrained` fills, or None."""
        return None

    @property
    def prior_statistics(self) -> Tensor:
        """Mean over the training set, (n,), of what the speaker memory holds of a turn."""
        return self.mean

    @property
    def framing(self) -> Framing:
        """The network's sizes, as engines and streams know them."""
        return Framing(
            self.hop_frames,
            self.window_frames,
            self.frames_per_step,
            self.step_overlap_frames,
            self.context_frames,
            self.block_steps,
        )

    @property
    def step_frames(self) -> int:
        """Frames that one step covers, the shortest input that can be scored."""
        return self.framing.step_frames

    @property
    def window_steps(self) -> int:
        """Steps in a whole window."""
        return self.framing.window_steps

    def steps_in(self, n_frames: int) -> int:
        """Return the number of whole steps in a turn of `n_frames` frames."""
        return self.framing.steps_in(n_frames)

    def encode(self, features: Tensor) -> Tensor:
        """Run the front end: (batch, frames, n_mels) in dB -> (batch, steps_in(frames), dimension).

        The first frame given counts as the turn's first: what lies before it is zero.
        """
        raise NotImplementedError

    def initial_state(self, batch: int) -> State:
        """Return the state of `encode_chunk` at the start of turns; () where there is none."""
        return ()

    def encode_chunk(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Run the front end on the next frames of turns; for `context_frames` None.

        Args:
            features: (batch, frames, n_mels), a multiple of `frames_per_step` frames. Where they
                end within a block, the state that is returned is of no use.
            state: the state returned for the frames before, or `initial_state`.

        Returns:
            Steps (batch, steps, dimension) of these frames, and the state after them.
        """
        raise NotImplementedError

    def statistics(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the speaker memory holds of a turn, (batch, n), where `remembers_statistics`.

        Arguments as `classify`.
        """
        raise NotImplementedError

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Run the head: (batch, steps, dimension) -> logits (batch, labels).

        Args:
            lengths: (batch,) valid steps of each item, at least 1; None where all are valid. Steps
                after them have no influence.
        """
        raise NotImplementedError

    def score(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits as `classify`, and valence and arousal (batch, 2) where there are any.

        Args:
            offset: (n,) subtracted from `statistics`, where `remembers_statistics`.
        """
        return self.classify(steps, lengths), None

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return logits (batch, labels) of whole windows (batch, frames, n_mels) in dB.

        Args:
            lengths: (batch,) valid frames of each item, each enough for one step.
        """
        steps = self.encode(self.fill_padding(features, lengths))
        return self.classify(steps, self.step_lengths(lengths))

    def fill_padding(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the features with the training set's mean after each item's length.

        Padding has no influence on an answer, but in training, batch normalisation takes its
        statistics over the whole batch: padding of another level would shift them.
        """
        if lengths is None:
            return features
        valid = valid_steps(features.shape[1], lengths)
        return torch.where(valid[..., None], features, self.mean)

    def step_lengths(self, lengths: Tensor | None) -> Tensor | None:
        """Return the number of valid steps (batch,) for numbers of valid frames (batch,)."""
        if lengths is None:
            return None
        return (lengths - self.step_overlap_frames) // self.frames_per_step

    def attention_weights(
        self, features: Tensor, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the weights of each attention layer over time: name -> (batch, frames).

        Arguments as `forward`. A step's weight is spread over the frames that it covers. Empty for
        a network without such a layer.
        """
        return {}


class DetailedAnswer(NamedTuple):
    """The answer of a network that takes sound and words.

    Attributes:
        logits: (batch, labels).
        attention: weights of the words in the text's and in the audio's attention, (batch, heads,
            words) each; None for a network without both.
        text_logits: (batch, labels) of a classifier of the words alone; None without one.
    """

    logits: Tensor
    attention: tuple[Tensor, Tensor] | None = None
    text_logits: Tensor | None = None


class BimodalModel(NormalisingModel):
    """Base of the networks that take sound and words: whole utterances in, logits out.

    They do not stream: words are known late, and all at once.

    Raises:
        InputError: `features` are not those of segments.
    """

    input_description = "sound and words"

    features: SegmentConfig

    def __init__(self, labels: tuple[str, ...], features: SegmentConfig):
        if not isinstance(features, SegmentConfig):
            raise InputError(
                f"features: found {type(features).__name__}; a network that takes "
                f"{self.input_description} needs those of segments"
            )
        super().__init__(labels, features)

    @property
    def vocabulary(self) -> Vocabulary:
        """Words that the network knows; empty where words have no influence."""
        return Vocabulary(())

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Return logits (batch, labels); their softmax is the network's answer."""
        raise NotImplementedError

    def forward_with_details(self, batch: SegmentBatch) -> DetailedAnswer:
        """Return the logits with what the network knows beside them."""
        return DetailedAnswer(self(batch))
