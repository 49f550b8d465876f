"""CAN, the cross attention network, one of the four papers' systems.

Lee, Yoon and Jung, "Multimodal speech emotion recognition using cross attention with aligned audio
and text", Interspeech 2020. Words and sound are cut into the same segments
(`ser_stream.features.segments`). Each modality has an encoder and attends to its own states; its
attention weights then also aggregate the other modality's states of the same segments::

    words ------ TextEncoder ---- H_T ---> weights a_T     c_TT = a_T H_T     c_TA = sg(a_T) H_A
    segments --- AudioEncoder --- H_A ---> weights a_A     c_AA = a_A H_A     c_AT = sg(a_A) H_T

    joint classifier [c_TT; c_TA; c_AA; c_AT]       text classifier c_TT       audio classifier c_AA

sg stops the gradient: a modality's attention is not trained through the other's states.

The rows of Tables 3 and 4 (WA / UA on IEMOCAP, seven classes) are these settings:

    ===========================  ============================================  ===========
    row                          settings                                      the paper's
    ===========================  ============================================  ===========
    CAN, aligned                 the defaults                                  .579 / .487
    equal segmentation           features: segmentation "equal"                .568 / .467
    - stop-gradient              `ABLATIONS`: stop_gradient False              .570 / .469
    - L_align                    `ABLATIONS`: align_weight 0                   .573 / .484
    - stop-gradient, L_align     `ABLATIONS`: both                             .563 / .479
    - cross attention            `ABLATIONS`: cross_attention False and,       .556 / .458
                                 as the paper says, align_weight 0
    ===========================  ============================================  ===========

The paper's own baselines of Table 2, TextModel and AudioModel, are in `can_baselines`.

Choices where the paper is silent or contradictory:

    =========================  ================================================================
    heads (section 4.2)        each is eqs. 4-9 with queries of its own over whole states, their
                               contexts side by side; no projections, no scale
    hidden 128                 units per direction, as f and f' below eq. 3; a state is 256 long
    dropout 0.3                behind each of the three BLSTMs, before segments are averaged
    average pooling            over a segment's own frames, not over its zero padding
    normalisation              each coefficient by the training set's mean and deviation
    vocabulary                 words that occur twice in the training part; all others share one
                               vector, which those that occur once train (`count_words`)
    word vectors               at random until `text.set_word_vectors` is given GloVe's
    without L_align            the single-modality classifiers are not trained, so eq. 15 is the
                               joint classifier's answer alone: alpha is 0 there as in eq. 14
    equal segmentation         as many segments as words, which eqs. 7 and 9 need; 10 % overlap
    overlap, mel bands         see `ser_stream.features.segments`
    initial weights            torch's
    =========================  ================================================================

The paper gives no parameter counts. The vectors of V words have 300 (V + 2) parameters; the other
parts, for seven labels, have 1,054,741, with torch's two biases per LSTM gate::

    text BLSTM          440,320     2 directions x 4 gates x 128 x (300 + 128 + 2)
    segment BLSTM       174,080     2 directions x 4 gates x 128 x (40 + 128 + 2)
    utterance BLSTM     395,264     2 directions x 4 gates x 128 x (256 + 128 + 2)
    queries               2,048     2 modalities x 4 heads x 256
    joint classifier     28,679     (4 contexts x 4 heads x 256 + 1) x 7
    others               14,350     2 modalities x (4 heads x 256 + 1) x 7
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.attention import valid_steps
from ser_stream.models.base import BimodalModel, DetailedAnswer
from ser_stream.models.options import Buckets, Count, Scale, Share, Size
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.models.papers.cross_attention import Contexts, CrossAttention
from ser_stream.models.papers.segment_encoders import AudioEncoder, TextEncoder
from ser_stream.models.registry import register
from ser_stream.models.segment_batch import SegmentBatch

ABLATIONS: dict[str, dict[str, Any]] = {
    "CAN": {},
    "- stop-gradient": {"stop_gradient": False},
    "- L_align": {"align_weight": 0.0},
    "- stop-gradient, L_align": {"stop_gradient": False, "align_weight": 0.0},
    "- cross attention": {"cross_attention": False, "align_weight": 0.0},
}
"""Row of Table 4 -> options of `CrossAttentionNetwork`."""


class Predictions(NamedTuple):
    """Logits (batch, labels) of the three classifiers (eqs. 10-12).

    `text` and `audio` are None without L_align, where they would not be trained.
    """

    joint: Tensor
    text: Tensor | None
    audio: Tensor | None


@register("can")
class CrossAttentionNetwork(BimodalModel):
    """The cross attention network of the paper, with its sizes as defaults (section 4.2).

    Args:
        features: features of segments; segmentation "aligned" or "equal".
        vocabulary: known words, in the order of their vectors (`Vocabulary.words`).
        word_dimension: dimension of a word's vector.
        hidden: LSTM units per direction.
        heads: attention heads of each modality.
        dropout: dropout after each BLSTM.
        stop_gradient, cross_attention: see the docstring of this module.
        align_weight: alpha of eqs. 14 and 15; 0 leaves out L_align and its two classifiers.
        ngram_buckets: buckets for the n-grams of words; 0, as in the paper, for none.
        word_dropout: dropout of word vectors; 0, as in the paper, for none.

    Raises:
        InputError: the segmentation is another, or `align_weight` is negative.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: SegmentConfig,
        vocabulary: tuple[str, ...],
        word_dimension: Size = 300,
        hidden: Size = 128,
        heads: Count = 4,
        dropout: Share = 0.3,
        stop_gradient: bool = True,
        cross_attention: bool = True,
        align_weight: Scale = 0.1,
        ngram_buckets: Buckets = 0,
        word_dropout: Share = 0.0,
    ):
        super().__init__(labels, features)
        if features.segmentation == "whole":
            raise InputError("segmentation: found 'whole'; accepted are aligned, equal")
        if align_weight < 0:
            raise InputError(f"align_weight: found {align_weight}; accepted are 0 and more")
        self.align_weight = align_weight
        words = Vocabulary(vocabulary, ngram_buckets)
        self.text = TextEncoder(words, word_dimension, hidden, dropout, word_dropout)
        self.audio = AudioEncoder(features.dimension, hidden, dropout)
        states = self.text.dimension
        self.attention = CrossAttention(states, heads, stop_gradient, cross_attention)
        n_contexts = 4 if cross_attention else 2
        self.joint_output = nn.Linear(n_contexts * heads * states, len(labels))
        if align_weight:
            self.text_output = nn.Linear(heads * states, len(labels))
            self.audio_output = nn.Linear(heads * states, len(labels))

    @property
    def vocabulary(self) -> Vocabulary:
        return self.text.vocabulary

    def set_text_branch(self, trained: TextModel) -> None:
        """Load the weights of a network of words alone, which was trained on texts without sound.

        Encoder and attention of the text, and the text's classifier where there is one, take the
        trained weights.

        Raises:
            InputError: labels, vocabulary or sizes of the trained network differ.
        """
        if trained.labels != self.labels:
            raise InputError(
                f"text branch: found the labels {', '.join(trained.labels)}; accepted are "
                f"{', '.join(self.labels)}"
            )
        if trained.text.vocabulary.words != self.text.vocabulary.words:
            raise InputError(
                "text branch: its vocabulary is another; train both networks with the same one"
            )
        parts = [(self.text, trained.text), (self.attention.text, trained.attention)]
        if self.align_weight:
            parts.append((self.text_output, trained.output))
        try:
            for own, other in parts:
                own.load_state_dict(other.state_dict())
        except RuntimeError as error:
            raise InputError(f"text branch: its sizes are others: {str(error)[:300]}") from error

    def contexts(self, batch: SegmentBatch) -> Contexts:
        """Return the context vectors of each utterance.

        Raises:
            ValueError: an utterance's numbers of segments and words differ.
        """
        return self.attention(*self._states(batch))

    def attention_weights(self, batch: SegmentBatch) -> tuple[Tensor, Tensor]:
        """Return the attention weights of text and audio, (batch, heads, words) each.

        Raises:
            ValueError: an utterance's numbers of segments and words differ.
        """
        text, audio, mask = self._states(batch)
        return self.attention.text(text, mask), self.attention.audio(audio, mask)

    def _states(self, batch: SegmentBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the states of text and audio (batch, segments, dimension) and their mask."""
        n_segments = batch.n_segments
        if not torch.equal(n_segments, batch.n_words):
            raise ValueError("an utterance has not as many segments as words; is it cut 'whole'?")
        audio = self.audio(self.normalise(batch.frames), batch)
        return self.text(batch), audio, valid_steps(audio.shape[1], n_segments)

    def predictions(self, batch: SegmentBatch) -> Predictions:
        """Return the logits of the three classifiers."""
        return self._classify(self.contexts(batch))

    def _classify(self, contexts: Contexts) -> Predictions:
        joint = self.joint_output(torch.cat([c for c in contexts if c is not None], dim=1))
        if not self.align_weight:
            return Predictions(joint, None, None)
        return Predictions(joint, self.text_output(contexts.tt), self.audio_output(contexts.aa))

    def forward(self, batch: SegmentBatch) -> Tensor:
        return self.combined(self.predictions(batch))

    def forward_with_details(self, batch: SegmentBatch) -> DetailedAnswer:
        """See the base. The encoders, which take most of the time, run once."""
        text, audio, mask = self._states(batch)
        predictions = self._classify(self.attention(text, audio, mask))
        weights = self.attention.text(text, mask), self.attention.audio(audio, mask)
        return DetailedAnswer(self.combined(predictions), weights, predictions.text)

    def combined(self, predictions: Predictions) -> Tensor:
        """Return the logarithm of eq. 15, (batch, labels), up to the softmax's normalisation."""
        joint, text, audio = predictions
        if text is None or audio is None:
            return joint.log_softmax(dim=1)
        single = text.log_softmax(dim=1) + audio.log_softmax(dim=1)
        return joint.log_softmax(dim=1) + self.align_weight * single

    def loss(  # type: ignore[override]  # as in `forward`, the input has a name
        self, batch: SegmentBatch, *, targets: Tensor, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return L_total (eqs. 13 and 14).

        Args:
            targets: as in the base; or, not in the paper, (batch, 3) indices of separate labels for
                the utterance, its text and its sound.
        """
        separate = targets.dim() == 2 and not targets.is_floating_point()
        of_both, of_text, of_audio = targets.unbind(1) if separate else 3 * (targets,)

        def error(logits: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(logits.float(), target, label_smoothing=label_smoothing)

        joint, text, audio = self.predictions(batch)
        if text is None or audio is None:
            return error(joint, of_both)
        alignment = error(text, of_text) + error(audio, of_audio)
        return error(joint, of_both) + self.align_weight * alignment
