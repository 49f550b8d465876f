"""The default network: a pretrained speaker encoder, window statistics and two linear layers.

Three LSTM layers, trained to tell thousands of speakers apart, describe voices. The mean and
standard deviation of their states over a window depend on the speaker and on the manner of
speaking. The speaker stays the same from turn to turn: the mean of earlier turns, which the speaker
memory holds, is subtracted, and the manner of speaking remains::

    log-mel frames  (frames, 40) in dB, as power, at a fixed level
    LSTM, 3 layers  (frames, 768) states
    steps           (frames / 10, 1536) means of the states and of their squares over ten frames
    statistics      (1536,) mean and standard deviation over the window's steps
    head            - offset of the speaker memory -> 128 -> labels

The layers are unidirectional, so each frame passes them once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.file_checks import check_sha256
from ser_stream.models.attention import valid_steps
from ser_stream.models.base import State
from ser_stream.models.options import Count, Share, Size
from ser_stream.models.pooling import PoolingModel
from ser_stream.models.registry import register

PRETRAINED = Path(__file__).parent.parent / "weights" / "speaker-encoder" / "encoder.safetensors"
"""Speaker encoder of Resemblyzer 0.1.4; see NOTICE beside it."""
PRETRAINED_SHA256 = "5eb543db47b50e3334ae55c376922aa2e6f7c8ab834d8046048f6dec30d18c91"
"""Of the file that `tools/speaker_encoder.py` writes; a newer one has a newer hash."""
TARGET_POWER = 0.01
"""Mean power of the bands to which speech is scaled: that of a signal of -30 dBFS, as in
Resemblyzer."""
STATISTICS_BATCHES = 60
"""Batches used to estimate the feature statistics."""
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
class VoiceLstm(PoolingModel):
    """Speaker encoder, statistics over the window, and two linear layers.

    Args:
        encoder_hidden, encoder_layers: units and number of the LSTM layers.
        hidden: units between the statistics and the output layer.
        dropout: dropout of these units; that of the statistics is half of it.
        affect: whether there is an output layer for valence and arousal.
    """

    statistics_mean: Tensor
    """Mean of the statistics (n,) over the training set: the prior of the speaker memory."""
    statistics_std: Tensor
    """Their standard deviation (n,)."""

    frames_per_step = 10
    hop_frames = 50
    window_frames = 500
    context_frames = None
    pretrained_parts = (
        "speaker encoder of Resemblyzer 0.1.4 (Apache-2.0; its authors trained it on LibriSpeech, "
        "VoxCeleb1 and VoxCeleb2)",
    )
    remembers_statistics = True
    former_names: Mapping[str, str] = MappingProxyType(
        {"usual": "statistics_mean", "spread": "statistics_std"}
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
        super().__init__(labels, features)
        self.encoder = SpeakerEncoder(features.dimension, encoder_hidden, encoder_layers)
        statistics = 2 * encoder_hidden * encoder_layers
        self.register_buffer("statistics_mean", torch.zeros(statistics))
        self.register_buffer("statistics_std", torch.ones(statistics))
        self.hidden = nn.Sequential(
            nn.Dropout(dropout / 2), nn.Linear(statistics, hidden), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, len(labels))
        self.affect = nn.Linear(hidden, 2) if affect else None

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

    def fit_statistics(self, turns: Iterator[tuple[Tensor, Tensor]]) -> None:
        """Estimate the statistics' mean and deviation from `STATISTICS_BATCHES` batches at most."""
        # One batch is not enough: it holds a few speakers in as many rooms.
        with torch.no_grad():
            found = [self.statistics(*turn) for turn in itertools.islice(turns, STATISTICS_BATCHES)]
        self.statistics_mean = torch.cat(found).mean(dim=0)
        self.statistics_std = torch.cat(found).std(dim=0) + 1e-4

    @property
    def pretrained_encoder(self) -> nn.Module:
        return self.encoder

    @property
    def prior_statistics(self) -> Tensor:
        return self.statistics_mean

    def encode(self, features: Tensor) -> Tensor:
        return self.encode_chunk(features, self.initial_state(len(features)))[0]

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
        hidden = hidden.float().view(batch, n_steps, self.frames_per_step, -1)
        steps = torch.cat([hidden.mean(dim=2), (hidden**2).mean(dim=2)], dim=2)
        return steps, (power_sums[:, -1], count + n_steps, *ends)

    def statistics(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean and standard deviation of the states over the steps, (batch, n)."""
        if lengths is None:
            means = steps.mean(dim=1)
        else:
            valid = valid_steps(steps.shape[1], lengths)[..., None]
            means = (steps * valid).sum(dim=1) / valid.sum(dim=1)
        mean, square = means.chunk(2, dim=1)
        return torch.cat([mean, (F.relu(square - mean**2) + 1e-6).sqrt()], dim=1)

    def embed(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> Tensor:
        return self._hidden(self.statistics(steps, lengths), offset)

    def _hidden(self, statistics: Tensor, offset: Tensor | None) -> Tensor:
        if offset is not None:
            statistics = statistics - offset
        return self.hidden((statistics - self.statistics_mean) / self.statistics_std)

    def forward(
        self, features: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """See the base; `past` as in `classify`."""
        return self.classify(self.encode(features), self.step_lengths(lengths), past)

    def classify(
        self, steps: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """See the base.

        Args:
            past: (batch, batch) weights of the batch's items in each item's speaker memory; see
                `ser_stream.data.conversations`. None for an empty memory.
        """
        statistics = self.statistics(steps, lengths)
        offset = None if past is None else past @ (statistics - self.statistics_mean)
        return self.output(self.dropout(self._hidden(statistics, offset)))
