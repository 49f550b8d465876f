"""Other ways to an estimate per hop, with random weights where those of a model cannot be had.

How long a network takes depends on its sizes, not on its weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.features import librosa_frames
from ser_stream.models.base import EmotionModel
from ser_stream.units import SAMPLE_RATE_HZ

WINDOW_S = 5.0
WHISPER_FRAMES_PER_S = 100
WHISPER_WHOLE_S = 30.0

Peer = Callable[[np.ndarray], object]
"""Computes one estimate of a window of samples (n,) at 16 kHz."""


def whole_window(model: EmotionModel) -> Peer:
    """Return librosa's log-mel of the whole window, then the package's own network over it all."""

    def estimate(window: np.ndarray) -> object:
        frames = torch.from_numpy(librosa_frames(window, model.features))
        with torch.inference_mode():
            return model(frames[None].float()).softmax(dim=1)

    return estimate


def wav2vec2(layers: int = 12) -> tuple[Peer, int]:
    """Return an audio classifier of the size of wav2vec2-base, and its number of parameters."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    config = Wav2Vec2Config(num_labels=7, num_hidden_layers=layers)
    network = Wav2Vec2ForSequenceClassification(config).eval()

    def estimate(window: np.ndarray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(window)[None]).logits

    return estimate, n_parameters(network)


def whisper_encoder(seconds: float, layers: int = 6) -> tuple[Peer, int]:
    """Return an encoder of the size of Whisper base for log-mel of that length.

    Its position encodings are cut to the length. The log-mel is made beforehand: it is not timed.
    """
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    n_frames = round(seconds * WHISPER_FRAMES_PER_S)
    config = WhisperConfig(
        d_model=512, encoder_layers=layers, encoder_attention_heads=8, encoder_ffn_dim=2048,
        num_mel_bins=80, max_source_positions=n_frames // 2,
    )  # fmt: skip
    network = WhisperEncoder(config).eval()
    frames = torch.randn(1, 80, n_frames)

    def encode(_: np.ndarray) -> object:
        with torch.inference_mode():
            return network(frames).last_hidden_state

    return encode, n_parameters(network)


def n_parameters(network: nn.Module) -> int:
    """Return the number of a network's parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def windows_of(samples: np.ndarray, hop_s: float, window_s: float = WINDOW_S) -> list[np.ndarray]:
    """Return the whole windows of samples (n,), one per hop."""
    length, hop = round(window_s * SAMPLE_RATE_HZ), round(hop_s * SAMPLE_RATE_HZ)
    return [samples[end - length : end] for end in range(length, len(samples) + 1, hop)]
