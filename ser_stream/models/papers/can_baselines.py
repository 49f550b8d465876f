"""TextModel and AudioModel, the single-modality rows of the CAN paper's Table 2.

The paper describes them as "a simple bidirectional LSTM with the global attention following [5]"
(section 4.3.1), where [5] is Mirsamadi, Barsoum and Zhang, ICASSP 2017. Here sizes and dropout are
CAN's, the attention has one head as in [5], sound is one sequence of frames without segments, and
the dense layers of [5] in front of the LSTM are left out. The paper's WA / UA on IEMOCAP are
.513 / .443 (TextModel) and .431 / .323 (AudioModel). The other two rows of the table are systems of
other authors.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ser_stream.errors import InputError, shown
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.spoken import spoken_words
from ser_stream.features.vocabulary import MARKS, Vocabulary
from ser_stream.models.attention import GlobalAttention, aggregate, valid_steps
from ser_stream.models.base import BimodalModel
from ser_stream.models.options import Buckets, Count, Share, Size
from ser_stream.models.papers.segment_encoders import Blstm, TextEncoder
from ser_stream.models.registry import register
from ser_stream.models.segment_batch import SegmentBatch


@register("can_text")
class TextModel(BimodalModel):
    """Word vectors, BLSTM, global attention. Sound has no influence.

    Args:
        vocabulary, word_dimension, hidden, heads, dropout, ngram_buckets: as
            `CrossAttentionNetwork`.
        word_dropout: dropout of word vectors, see `TextEncoder`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: SegmentConfig,
        vocabulary: tuple[str, ...],
        word_dimension: Size = 300,
        hidden: Size = 128,
        heads: Count = 1,
        dropout: Share = 0.3,
        ngram_buckets: Buckets = 0,
        word_dropout: Share = 0.0,
    ):
        super().__init__(labels, features)
        words = Vocabulary(vocabulary, ngram_buckets)
        self.text = TextEncoder(words, word_dimension, hidden, dropout, word_dropout)
        self.attention = GlobalAttention(self.text.dimension, heads)
        self.output = nn.Linear(heads * self.text.dimension, len(labels))

    @property
    def vocabulary(self) -> Vocabulary:
        return self.text.vocabulary

    def forward(self, batch: SegmentBatch) -> Tensor:
        states = self.text(batch)
        weights = self.attention(states, valid_steps(states.shape[1], batch.n_words))
        return self.output(aggregate(weights, states))

    def score_texts(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return logits (texts, labels) of at least one text.

        Args:
            texts: words of each text, as a recogniser writes them. Question and exclamation marks
                count where the training texts had them. A text without words counts as one word of
                unknown spelling.
        """
        vocabulary = self.text.vocabulary
        marks = not set(MARKS).isdisjoint(vocabulary.words)
        spoken = (spoken_words(" ".join(words), marks) or [""] for words in texts)
        encoded = [vocabulary.encode(words) for words in spoken]
        return self(SegmentBatch.of_words(encoded).to(self.output.weight.device))


@register("can_audio")
class AudioModel(BimodalModel):
    """BLSTM over all frames of the utterance, global attention. Words have no influence.

    Args:
        features: features of segments; segmentation "whole".
        hidden, heads, dropout: as `CrossAttentionNetwork`.

    Raises:
        InputError: the segmentation is another.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: SegmentConfig,
        hidden: Size = 128,
        heads: Count = 1,
        dropout: Share = 0.3,
    ):
        super().__init__(labels, features)
        if features.segmentation != "whole":
            raise InputError(
                f"segmentation: found {shown(features.segmentation)}; accepted is whole"
            )
        self.blstm = Blstm(features.dimension, hidden, dropout)
        self.attention = GlobalAttention(self.blstm.dimension, heads)
        self.output = nn.Linear(heads * self.blstm.dimension, len(labels))

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Return logits (batch, labels).

        Raises:
            ValueError: an utterance has more than one segment.
        """
        if batch.frames.shape[1] != 1:
            raise ValueError("an utterance has more than one segment; cut it 'whole'")
        frames, lengths = self.normalise(batch.frames[:, 0]), batch.frame_lengths[:, 0]
        states = self.blstm(frames, lengths)
        weights = self.attention(states, valid_steps(states.shape[1], lengths))
        return self.output(aggregate(weights, states))
