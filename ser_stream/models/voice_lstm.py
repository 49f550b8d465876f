"""The default network: what a voice does, against what the same voice did before.

Three LSTM layers that were trained to tell thousands of speakers apart have learned what a voice
can do. Mean and deviation of their states over a window say who speaks and how. Who speaks is what
remains the same from one turn to the next: where there were turns before, their mean is taken off,
and how it is said remains.

The layers look back only, from step to step, so each frame passes them once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import valid_steps
from ser_stream.models.pooling import PoolingModel
from ser_stream.models.registry import register

PRETRAINED = Path(__file__).parent.parent / "weights" / "speaker-encoder" / "encoder.safetensors"
"""Of Resemblyzer 0.1.4, see NOTICE beside it."""
LEVEL = 0.01
"""Mean power of the bands that speech is brought to: of a signal of -30 dBFS, as in Resemblyzer."""
USUAL_BATCHES = 60
"""So many show what turns usually have."""
QUIETEST = 1e-8
"""Sound of less power than this is not made louder."""

State = tuple[Tensor, int, list[tuple[Tensor, Tensor]]]
"""After some steps: sum of their mean powers (batch,), their number, and each layer's state."""


class SpeakerEncoder(nn.Module):
    """LSTM layers over mel bands, each one's states given out.

    Wan, Wang, Papir and Lopez Moreno, "Generalized end-to-end loss for speaker verification",
    ICASSP 2018; without the projection to an embedding.

    Args:
        bands: that it is given.
        hidden: units of a layer.
    """

    def __init__(self, bands: int, hidden: int, layers: int):
        super().__init__()
        sizes = [bands] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(size, hidden, batch_first=True) for size in sizes)

    def forward(
        self, power: Tensor, states: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """(batch, frames, bands) -> (batch, frames, layers * hidden), and where the layers are.

        Args:
            states: where the layers were after the frames before these; None: there were none.
        """
        outputs, ends = [], []
        for number, layer in enumerate(self.layers):
            power, end = layer(power, None if states is None else states[number])
            outputs.append(power)
            ends.append(end)
        return torch.cat(outputs, dim=2), ends


@register("voice_lstm")
class VoiceLstm(PoolingModel):
    """Speaker encoder, statistics over the window, two layers.

    Args:
        encoder_hidden, encoder_layers: of the LSTM.
        hidden: units between the statistics and the answer.
        dropout: of these; half of it of the statistics.
        affect: whether there is a layer for valence and arousal, see `training.affect`.
    """

    frames_per_step = 10
    hop_frames = 50
    window_frames = 500
    context_frames = None
    pretrained_parts = (
        "speaker encoder of Resemblyzer 0.1.4 (Apache-2.0; its authors trained it on LibriSpeech, "
        "VoxCeleb1 and VoxCeleb2)",
    )
    remembers_statistics = True

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        encoder_hidden: int = 256,
        encoder_layers: int = 3,
        hidden: int = 128,
        dropout: float = 0.5,
        affect: bool = False,
    ):
        super().__init__(labels, features)
        self.encoder = SpeakerEncoder(features.dimension, encoder_hidden, encoder_layers)
        statistics = 2 * encoder_hidden * encoder_layers
        self.register_buffer("usual", torch.zeros(statistics))
        self.register_buffer("spread", torch.ones(statistics))
        self.hidden = nn.Sequential(
            nn.Dropout(dropout / 2), nn.Linear(statistics, hidden), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, len(labels))
        self.affect = nn.Linear(hidden, 2) if affect else None

    def load_pretrained(self) -> None:
        weights = {name: tensor.float() for name, tensor in load_file(PRETRAINED).items()}
        try:
            self.encoder.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                "options of voice_lstm: training begins with an encoder of 40 bands (features: "
                "n_mels), encoder_hidden 256 and encoder_layers 3; found are "
                f"{self.features.dimension}, {self.encoder.layers[0].hidden_size} and "
                f"{len(self.encoder.layers)}"
            ) from error

    def fit_statistics(self, turns: Iterator[tuple[Tensor, Tensor]]) -> None:
        # Of many batches: one holds a few speakers in as many rooms.
        with torch.no_grad():
            found = [self.statistics(*turn) for turn in itertools.islice(turns, USUAL_BATCHES)]
        self.usual = torch.cat(found).mean(dim=0)
        self.spread = torch.cat(found).std(dim=0) + 1e-4

    @property
    def pretrained_encoder(self) -> nn.Module:
        return self.encoder

    @property
    def prior_statistics(self) -> Tensor:
        return self.usual

    def encode(self, features: Tensor) -> Tensor:
        return self.encode_chunk(features, None)[0]

    def encode_chunk(self, features: Tensor, state: State | None) -> tuple[Tensor, State]:
        """A step is the mean of ten frames' states, and of their squares.

        Frames are brought to the level of all that was heard of the turn so far.
        """
        batch, _, bands = features.shape
        n_steps = self.steps_in(features.shape[1])
        power = torch.pow(10.0, features[:, : n_steps * self.frames_per_step].float() / 10)
        power = power.view(batch, n_steps, self.frames_per_step, bands)
        heard, count, layers = state or (power.new_zeros(batch), 0, None)
        levels = power.mean(dim=(2, 3)).cumsum(dim=1) + heard[:, None]
        counts = count + torch.arange(1, n_steps + 1, device=features.device)
        gains = LEVEL / (levels / counts + QUIETEST)
        power = (power * gains[..., None, None]).flatten(1, 2)
        hidden, layers = self.encoder(power, layers)
        hidden = hidden.float().view(batch, n_steps, self.frames_per_step, -1)
        steps = torch.cat([hidden.mean(dim=2), (hidden**2).mean(dim=2)], dim=2)
        return steps, (levels[:, -1], count + n_steps, layers)

    def statistics(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
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
        return self.hidden((statistics - self.usual) / self.spread)

    def forward(
        self, features: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """As of all networks that stream; `past`: see `classify`."""
        return self.classify(self.encode(features), self.step_lengths(lengths), past)

    def classify(
        self, steps: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """As of all networks that stream.

        Args:
            past: (batch, batch) what each item's speaker said before: how much of which other
                items is taken off, see `training.talks`. None: nothing.
        """
        statistics = self.statistics(steps, lengths)
        offset = None if past is None else past @ (statistics - self.usual)
        return self.output(self.dropout(self._hidden(statistics, offset)))
