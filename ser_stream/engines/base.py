"""What a stream knows of a network, whichever engine runs it: numpy arrays in and out.

Arrays are float32 with the batch as their first dimension. The parts of a streaming network, front
end, steps and head, are described in `ser_stream.models.base`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.framing import Framing

Array = NDArray[Any]

State = tuple[Array, ...]
"""State of a recurrent front end, arrays whose first dimension is the batch; () without one."""


class Outputs(NamedTuple):
    """What the head of a streaming network returns for a batch of windows.

    Attributes:
        logits: (batch, labels).
        affect: valence and arousal (batch, 2); None for a network without them.
        statistics: (batch, n) the windows' entries for the speaker memory; None for a network
            whose speaker memory holds mean frames.
    """

    logits: Array
    affect: Array | None
    statistics: Array | None


class Network(Protocol):
    """A streaming network, ready for inference. Its methods may be called from several threads.

    Attributes:
        engine: what runs it, for messages, such as "onnx" or "torch on cuda".
        labels: one per logit.
        features: settings of the frames that the network is given.
        framing: frames, steps, hops and windows.
        has_speaker_memory: whether turns are normalised by earlier turns, see `SpeakerMemory`.
        remembers_statistics: whether the speaker memory holds the statistics of a turn's steps
            instead of the turn's mean frame.
        prior_statistics: (n,) mean over the training set of what the speaker memory holds.
    """

    engine: str
    labels: tuple[str, ...]
    features: StreamingFeatureConfig
    framing: Framing
    has_speaker_memory: bool
    remembers_statistics: bool
    prior_statistics: Array

    def initial_state(self, batch: int) -> State:
        """Return the state of `encode` at the start of turns."""
        ...

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """Run the front end: frames (batch, frames, dimension) -> steps (batch, steps, n).

        Args:
            frames: the frames that follow the state; for a network without a state, those of the
                wanted steps, with `framing.context_frames` frames in front of them.
            state: the state after the frames before.

        Returns:
            The steps of all these frames, and the state after them.
        """
        ...

    def score(self, steps: Array, offset: Array | None) -> Outputs:
        """Run the head on windows of steps (batch, steps, n).

        Args:
            offset: (batch, n) subtracted from the statistics, where `remembers_statistics`; None
                for zero.
        """
        ...


class UtteranceOutputs(NamedTuple):
    """The answer of a network that takes sound and words.

    Attributes:
        logits: (labels,).
        attention: for a network with cross attention the weights of the words, "text_attention" and
            "audio_attention", (words,) each, the mean over its heads; else empty.
        text_logits: (labels,) of a classifier of the words alone; None where the network, or its
            file of an earlier version, has none.
    """

    logits: Array
    attention: dict[str, Array]
    text_logits: Array | None = None


class UtteranceNetwork(Protocol):
    """A network that takes the sound and the words of one utterance, ready for inference.

    Attributes:
        labels: one per logit.
        features: settings of the segments that the utterance is cut into.
        vocabulary: known words, which encodes the utterance's words.
    """

    labels: tuple[str, ...]
    features: SegmentConfig
    vocabulary: Vocabulary

    def outputs(self, segments: Sequence[Array], words: Sequence[Array]) -> UtteranceOutputs:
        """Run the network on one utterance.

        Args:
            segments: frames (frames, dimension) of each segment, at least one.
            words: arrays of `Vocabulary.encode` for the utterance's words.

        Raises:
            ValueError: the numbers of segments and words do not fit the network.
        """
        ...
