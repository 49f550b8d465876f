"""CNN-BLSTM-attention, one of the four papers' systems.

Sherman, Hazan and Gannot, "Study of speech emotion recognition using BLSTM with attention".
Four convolution blocks turn each chunk of frames into one vector, a bidirectional LSTM runs over
the chunks, and Bahdanau attention forms the weighted sum of its states::

    frames   0       64      128     192     256    ...
    chunk 0  [---------------]                         each chunk separately ("time-distributed"):
    chunk 1          [---------------]                 for the next window, only one new chunk is
    chunk 2                  [---------------]         computed

Where the paper and the authors' public code differ, the defaults follow the code, which has the
paper's parameter counts; options follow the paper's text:

    ==================  ========================  =========================  ===================
    option              default: the code         the text (section II.B)    elsewhere
    ==================  ========================  =========================  ===================
    activation          "elu"                     "relu"
    first_pool          (2, 2)                    (4, 4)
    attention_bias      False                     silent                     True: Keras' default
    attention_std       1.0: weights are N(0, 1)  silent                     None: Keras' default
    attention_scaled    True: energy / sqrt(256)  silent                     False: Bahdanau et al.
    activity_penalty    1e-3                      silent                     0.0
    ==================  ========================  =========================  ===================

The paper counts parameters as Keras does: all weights and biases, one bias per LSTM gate, and with
each batch normalisation its moving mean and variance. Without the output layer that is exactly
1,180,352 for RAVDESS and 1,442,496 for IEMOCAP::

    convolutions                           259,008   3x3, 1-64-64-128-128, with biases
    batch normalisation                      1,536   4 values for each of 384 channels
    BLSTM, steps of 128 (RAVDESS)          788,480   2 directions x 4 gates x 256 x (128 + 256 + 1)
    BLSTM, steps of 256 (IEMOCAP)        1,050,624   2 directions x 4 gates x 256 x (256 + 256 + 1)
    attention                              131,328   512 x 256 + 256, no biases

Tables III and IV remove or add parts. The paper does not say how; this is our reading::

    ======================  ==================================================================
    row                     options
    ======================  ==================================================================
    2, 3, 4, 5 conv layers  filters 64-64, 64-64-128, 64-64-128-128, 64-64-128-128-128, each
                            pooled by 4x4 but the first: blocks are taken from the end, and the
                            fifth is what the code has commented out. Steps have 16384, 2048,
                            128 and 128 values for RAVDESS (4096, 512, 128 and 128 with the
                            text's first pool); 7680, 1280, 256, 128 for IEMOCAP
    without attention       attention=False: the last states alone, 512 values, go to the
                            output layer, and they alone are penalised, as in the code
    without convolutions    filters=(), chunk_frames=1, chunk_hop=1 and as many window_chunks as
                            a clip has frames: the BLSTM sees the frames themselves, 626 steps
                            of 128 for RAVDESS and 157 of 46 for IEMOCAP
    ======================  ==================================================================

Another reading of the last row is filters=() with the same chunks. Then a step is a flattened chunk
of 16384 values, the BLSTM has 34 million parameters, and IEMOCAP has a single step, for which
attention cannot change anything, whereas it gains 8 points in Table IV. The activity penalty is a
sum over steps: over hundreds of them, 1e-3 outweighs the cross-entropy.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError, shown
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import valid_steps
from ser_stream.models.base import EmotionModel
from ser_stream.models.options import Count, Frames, Scale, Share, Size
from ser_stream.models.papers.convolution_blocks import ACTIVATIONS, ConvolutionBlock, FirstBlock
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.registry import register


class BahdanauAttention(nn.Module):
    """Additive attention over the steps of a sequence, by its own states alone.

    Bahdanau, Cho and Bengio, arXiv:1409.0473, appendix A.1.2, as in section II.B of the paper:
    energy = FC 1 (tanh (FC hidden (states))), weights = softmax over the steps.

    Args:
        scaled: divide energies by sqrt(hidden).
    """

    def __init__(self, dimension: int, hidden: int, bias: bool, scaled: bool):
        super().__init__()
        self.hidden = nn.Linear(dimension, hidden, bias=bias)
        self.energy = nn.Linear(hidden, 1, bias=bias)
        self.scale = hidden**-0.5 if scaled else 1.0

    def weights(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> (batch, steps), summing to 1."""
        energy = self.energy(self.hidden(states).tanh())[..., 0] * self.scale
        if mask is not None:
            energy = energy.masked_fill(~mask, -torch.inf)
        return energy.softmax(dim=1)

    def forward(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the context vector (batch, dimension): the weighted sum of the states."""
        return (self.weights(states, mask)[..., None] * states).sum(dim=1)


@register("cnn_blstm_attention")
class CnnBlstmAttention(EmotionModel):
    """The network of the paper. The defaults are its RAVDESS variant.

    RAVDESS: 128 log-mel bands (`SHERMAN`), 128 x 128 chunks every 64 frames, steps of 128; a window
    is 8 chunks, 576 frames of 8 ms. IEMOCAP: 46 descriptors a frame; the whole 157 x 46 map is one
    chunk (`chunk_frames=157, chunk_hop=157, window_chunks=1`), the BLSTM sees one step of 256, and
    its attention is identically 1.

    Args:
        filters: filters of each convolution block; empty for steps that are flattened chunks.
        chunk_frames, chunk_hop: frames of a chunk, and frames from one chunk to the next.
        window_chunks: chunks in a window.
        hidden: LSTM units per direction, and units of the attention's first layer.
        dropout: dropout after each convolution block.
        attention: whether there is attention; if not, the output layer is given the last states.
        activation, first_pool, attention_bias, attention_std, attention_scaled, activity_penalty:
            see the docstring of this module.

    Raises:
        InputError: `activation` is unknown.
    """

    POOL = (4, 4)  # of every block but the first

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        filters: tuple[Size, ...] = (64, 64, 128, 128),
        chunk_frames: Frames = 128,
        chunk_hop: Frames = 64,
        window_chunks: Frames = 8,
        hidden: Size = 256,
        dropout: Share = 0.2,
        attention: bool = True,
        activation: str = "elu",
        first_pool: tuple[Count, Count] = (2, 2),
        attention_bias: bool = False,
        attention_std: Scale | None = 1.0,
        attention_scaled: bool = True,
        activity_penalty: Scale = 1e-3,
    ):
        super().__init__(labels, features)
        if activation not in ACTIVATIONS:
            accepted = ", ".join(ACTIVATIONS)
            raise InputError(f"activation: found {shown(activation)}; accepted are {accepted}")
        self.chunk_frames = chunk_frames
        self.frames_per_step = self.hop_frames = chunk_hop
        self.step_overlap_frames = self.context_frames = chunk_frames - chunk_hop
        self.window_frames = window_chunks * chunk_hop + self.step_overlap_frames
        self.activity_penalty = activity_penalty

        blocks: list[ConvolutionBlock] = []
        rows, columns, n_in = chunk_frames, features.dimension, 1
        for n_out in filters:
            pool = self.POOL if blocks else first_pool
            block = ConvolutionBlock if blocks else FirstBlock
            blocks.append(block(n_in, n_out, pool, activation, dropout))
            rows, columns = -(-rows // pool[0]), -(-columns // pool[1])
            n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.dimension = n_in * rows * columns
        """Dimension of a step: 128 for RAVDESS, 256 for IEMOCAP."""

        self.blstm = nn.LSTM(self.dimension, hidden, batch_first=True, bidirectional=True)
        self.attention = None
        if attention:
            self.attention = BahdanauAttention(2 * hidden, hidden, attention_bias, attention_scaled)
        self.output = nn.Linear((4 if attention else 2) * hidden, len(labels))
        self.apply(_initialise_as_keras)
        if self.attention is not None and attention_std is not None:
            nn.init.normal_(self.attention.hidden.weight, std=attention_std)
            nn.init.normal_(self.attention.energy.weight, std=attention_std)

    def encode(self, features: Tensor) -> Tensor:
        n_steps = self.steps_in(features.shape[1])
        starts = self.frames_per_step * torch.arange(n_steps, device=features.device)
        frames = starts[:, None] + torch.arange(self.chunk_frames, device=features.device)
        chunks = self.normalise(features)[:, frames]  # (batch, steps, chunk_frames, n_mels)
        maps = self.blocks(chunks.flatten(0, 1)[:, None])
        return maps.reshape(features.shape[0], n_steps, self.dimension)

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._head(steps, lengths)[0]

    def loss(  # type: ignore[override]  # as in `forward`, the inputs have names
        self,
        features: Tensor,
        lengths: Tensor | None = None,
        *,
        targets: Tensor,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """Return the cross-entropy plus the activity penalty.

        The penalty is `activity_penalty` times the sum of |BLSTM output| over steps and units,
        averaged over the batch, as in Keras; without attention, the output is the last states.
        """
        steps = self.encode(self.fill_padding(features, lengths))
        logits, blstm_output = self._head(steps, self.step_lengths(lengths))
        error = F.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)
        activity = blstm_output.float().abs().sum() / len(blstm_output)
        return error + self.activity_penalty * activity

    def attention_weights(
        self, features: Tensor, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """See the base. Chunks overlap, and so do the frames that their weights are spread over."""
        if self.attention is None:
            return {}
        steps, lengths = self.encode(features), self.step_lengths(lengths)
        states = hidden_states(self.blstm, steps, lengths)
        mask = None if lengths is None else valid_steps(steps.shape[1], lengths)
        of_steps = self.attention.weights(states, mask) / self.chunk_frames
        weights = features.new_zeros(features.shape[:2])
        for step, weight in enumerate(of_steps.unbind(dim=1)):
            start = step * self.frames_per_step
            weights[:, start : start + self.chunk_frames] += weight[:, None]
        return {"attention": weights}

    def _head(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the logits and the BLSTM's output that they are computed from."""
        states = hidden_states(self.blstm, steps, lengths)
        last = _last_states(states, lengths)
        if self.attention is None:
            return self.output(last), last
        mask = None if lengths is None else valid_steps(steps.shape[1], lengths)
        return self.output(torch.cat([self.attention(states, mask), last], dim=1)), states


def _last_states(states: Tensor, lengths: Tensor | None) -> Tensor:
    """(batch, steps, 2 * hidden) of a BLSTM -> each direction's last state, (batch, 2 * hidden).

    The forward direction's is that of the last valid step, the backward one's of the first.
    """
    forward, backward = states.chunk(2, dim=2)
    if lengths is None:
        last = forward[:, -1]
    else:
        last = forward[torch.arange(len(states), device=lengths.device), lengths - 1]
    return torch.cat([last, backward[:, 0]], dim=1)


def _initialise_as_keras(layer: nn.Module) -> None:
    """Initialise as Keras, which the authors used, with its single LSTM bias."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.LSTM):
        for name, weight in layer.named_parameters():
            if "weight_ih" in name:
                nn.init.xavier_uniform_(weight)
            elif "weight_hh" in name:
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
            # torch adds two biases where Keras has one. The second stays zero and is not trained.
            if "bias_hh" in name:
                weight.requires_grad_(False)
            elif "bias_ih" in name:
                # Gates are in the order input, forget, cell, output.
                nn.init.ones_(weight[layer.hidden_size : 2 * layer.hidden_size])
