"""The default network: layers of Whisper's encoder, window statistics and two linear layers.

Whisper was trained to write down 680,000 hours of speech in many languages, voices and rooms. The
states of its encoder's middle layers tell how something is said, whoever says it; see
`ser_stream.models.statistics_model`::

    log-mel frames  (frames, 80) in dB
    encoder         (frames / 2, 1024) states after the second and the third layer
    steps           (frames / 10, 2048) means of the states and of their squares over ten frames

The encoder stays as its authors trained it, so models share the file of its weights, and a model's
own files hold the head alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import SILENCE_DB, LogMelConfig
from ser_stream.models.base import State
from ser_stream.models.options import Count, Share, Size
from ser_stream.models.registry import register
from ser_stream.models.statistics_model import StatisticsModel
from ser_stream.models.whisper_encoder import (
    BANDS,
    BLOCK_TOKENS,
    FRAMES_PER_TOKEN,
    WIDTH,
    WhisperEncoder,
)

FEATURES = LogMelConfig(
    n_mels=BANDS, n_fft=400, win_length=400, hop_length=160, fmin=0.0, fmax=8000.0
)
"""Settings of Whisper's features; its frames are centred, ours are not."""
POOLED_LAYERS = (1, 2)
"""Layers whose states are pooled, from 0."""
BLOCK_FRAMES = BLOCK_TOKENS * FRAMES_PER_TOKEN


@register("whisper_states")
class WhisperStates(StatisticsModel):
    """Layers of Whisper's encoder, statistics over the window, and two linear layers.

    Args:
        hidden, dropout, affect, heads: see `StatisticsModel`.

    Raises:
        InputError: `features` are not those of Whisper.
    """

    pretrained_parts = (
        "first layers of the encoder of Whisper base (MIT; OpenAI trained it on 680,000 hours of "
        "recordings from the internet)",
    )
    block_steps = BLOCK_FRAMES // StatisticsModel.frames_per_step
    shared_encoder = "whisper-encoder"

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        hidden: Size = 192,
        dropout: Share = 0.4,
        affect: bool = False,
        heads: Count = 1,
    ):
        if features != FEATURES:
            raise InputError(
                "features: whisper_states takes those of Whisper alone: n_mels 80, n_fft 400, "
                f"win_length 400, hop_length 160, fmin 0, fmax 8000; found {features}"
            )
        states = WIDTH * len(POOLED_LAYERS)
        super().__init__(labels, features, states, hidden, dropout, affect, heads)
        self.encoder = WhisperEncoder.pretrained()

    @property
    def pretrained_encoder(self) -> nn.Module:
        return self.encoder

    def initial_state(self, batch: int) -> State:
        """Return the state of `encode_chunk` at the start of turns, see `WhisperEncoder`."""
        return self.encoder.initial_state(batch)

    def encode_chunk(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """See the base. A block that the frames do not fill is filled with silence.

        The state that is returned holds after whole blocks only.
        """
        n_steps = self.steps_in(features.shape[1])
        n_missing = -n_steps % self.block_steps * self.frames_per_step
        silence = features.new_full((features.shape[0], n_missing, BANDS), SILENCE_DB)
        frames = torch.cat([features[:, : n_steps * self.frames_per_step], silence], dim=1)
        layers, state = self.encoder(frames.float(), state)
        states = torch.cat(
            [F.layer_norm(layers[number].float(), (WIDTH,)) for number in POOLED_LAYERS], dim=2
        )
        tokens_per_step = self.frames_per_step // FRAMES_PER_TOKEN
        states = states.unflatten(1, (-1, tokens_per_step))[:, :n_steps]
        return self.step_statistics(states), state
