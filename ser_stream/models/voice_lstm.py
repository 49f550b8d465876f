"""Pretrained speaker encoder, window statistics and two linear layers.

Three LSTM layers, trained to tell thousands of speakers apart, describe voices, and so the manner
of speaking, too; see `ser_stream.models.statistics_model`::

    log-mel frames  (frames, 40) in dB, as power, at a fixed level
    LSTM, 3 layers  (frames, 768) states
    steps           (frames / 10, 1536) means of the states and of their squares over ten frames

The layers are unidirectional, so each frame passes them once.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.file_checks import check_sha256
from ser_stream.models.base import State
from ser_stream.models.options import Count, Share, Size
from ser_stream.models.registry import register
from ser_stream.models.statistics_model import StatisticsModel

PRETRAINED = Path(__file__).parent.parent / "weights" / "speaker-encoder" / "encoder.safetensors"
"""Speaker encoder of Resemblyzer 0.1.4; see NOTICE beside it."""
PRETRAINED_SHA256 = "5eb543db47b50e3334ae55c376922aa2e6f7c8ab834d8046048f6dec30d18c91"
"""Of the file that `tools/speaker_encoder.py` writes; a newer one has a newer hash."""
TARGET_POWER = 0.01
"""Mean power of the bands to which speech is scaled: that of a signal of -30 dBFS, as in
Resemblyzer."""
MIN_POWER = 1e-8
"""Added to the mean power, so that silence is not amplified."""

LayerStates = tuple[Tensor, Tensor]
"""Hidden and cell states of all LSTM layers, (batch, layers, hidden) each."""


class SpeakerEncoder(nn.Module):
    """LSTM layers over mel bands, which returns the states of all layers.

    Wan, Wang, Papir and Lopez Moreno, "Generalized end-to-end loss for speaker verification",
    ICASSP 2018, section 3, without the projection to an embedding.

    Args:
        bands: mel bands of a frame.
        hidden: units of a layer.
        layers: number of layers.
    """

    def __init__(self, bands: int, hidden: int, layers: int):
        super().__init__()
        self.n_hidden = hidden
        sizes = [bands] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(size, hidden, batch_first=True) for size in sizes)

    def forward(
        self, power: Tensor, states: LayerStates | None = None
    ) -> tuple[Tensor, LayerStates]:
        """(batch, frames, bands) -> (batch, frames, layers * hidden), and the layers' last states.

        Args:
            states: the layers' states after the frames before these; None at the start of a turn.
        """
        outputs, hiddens, cells = [], [], []
        for number, layer in enumerate(self.layers):
            before = None
            if states is not None:
                hidden, cell = states
                before = (hidden[None, :, number].contiguous(), cell[None, :, number].contiguous())
            power, (hidden, cell) = layer(power, before)
            outputs.append(power)
            hiddens.append(hidden[0])
            cells.append(cell[0])
        ends = torch.stack(hiddens, dim=1), torch.stack(cells, dim=1)
        return torch.cat(outputs, dim=2), ends


@register("voice_lstm")
class VoiceLstm(StatisticsModel):
    """Speaker encoder, statistics over the window, and two linear layers.

    Args:
        encoder_hidden, encoder_layers: units and number of the LSTM layers.
        hidden, dropout, affect: see `StatisticsModel`.
    """

    pretrained_parts = (
        "speaker encoder of Resemblyzer 0.1.4 (Apache-2.0; its authors trained it on LibriSpeech, "
        "VoxCeleb1 and VoxCeleb2)",
    )

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        encoder_hidden: Size = 256,
        encoder_layers: Count = 3,
        hidden: Size = 128,
        dropout: Share = 0.5,
        affect: bool = False,
    ):
        states = encoder_hidden * encoder_layers
        super().__init__(labels, features, states, hidden, dropout, affect)
        self.encoder = SpeakerEncoder(features.dimension, encoder_hidden, encoder_layers)

    def load_pretrained(self) -> None:
        """Load the speaker encoder of Resemblyzer.

        Raises:
            InputError: the network's sizes are not those of the encoder; or its file is missing, or
                another one than the package came with.
        """
        check_sha256(PRETRAINED, PRETRAINED_SHA256)
        weights = {name: tensor.float() for name, tensor in load_file(PRETRAINED).items()}
        try:
            self.encoder.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                f"options of voice_lstm: found {self.features.dimension} bands (features: n_mels), "
                f"encoder_hidden {self.encoder.n_hidden} and encoder_layers "
                f"{len(self.encoder.layers)}; the pretrained encoder has 40, 256 and 3"
            ) from error

    @property
    def pretrained_encoder(self) -> nn.Module:
        return self.encoder

    def initial_state(self, batch: int) -> State:
        """Return the state of `encode_chunk` at the start of turns.

        It holds the sum of the steps' mean powers (batch,), the number of steps (batch,), and the
        layers' hidden and cell states (batch, layers, hidden) each.
        """
        layers = torch.zeros(batch, len(self.encoder.layers), self.encoder.n_hidden)
        layers = layers.to(self.statistics_mean)
        return layers.new_zeros(batch), layers.new_zeros(batch), layers, layers

    def encode_chunk(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """See the base. A step holds the means of ten frames' states and of their squares.

        Frames are scaled by one gain per step, which follows from the turn's mean power so far.
        """
        batch, _, bands = features.shape
        n_steps = self.steps_in(features.shape[1])
        power = torch.pow(10.0, features[:, : n_steps * self.frames_per_step].float() / 10)
        power = power.view(batch, n_steps, self.frames_per_step, bands)
        power_sum, count, layer_hidden, layer_cell = state
        power_sums = power.mean(dim=(2, 3)).cumsum(dim=1) + power_sum[:, None]
        counts = count[:, None] + torch.arange(1, n_steps + 1, device=features.device)
        gains = TARGET_POWER / (power_sums / counts + MIN_POWER)
        power = (power * gains[..., None, None]).flatten(1, 2)
        hidden, ends = self.encoder(power, (layer_hidden, layer_cell))
        steps = self.step_statistics(hidden.float().view(batch, n_steps, self.frames_per_step, -1))
        return steps, (power_sums[:, -1], count + n_steps, *ends)
