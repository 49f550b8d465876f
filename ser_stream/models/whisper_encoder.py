"""The first layers of Whisper's encoder, run on blocks of a stream.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023, section
2.2: two convolutions halve the frame rate, and a transformer follows. The middle layers describe
how something is said better than the last ones, which describe what is said.

The original sees 30 s at once. Here a token attends to its own block of 0.5 s and to a second or
two before it, whose keys and values are kept, so each token is computed once::

    frames   ............................................  10 ms each, since the turn began
    tokens    .  .  .  .  .  .  .  .  .  .  .  .  .  .  .   20 ms each
    blocks   |              |              |              |
                  [----- past -----][ block ]               what the tokens of a block attend to

Tokens need no sound after their block. The sound before a turn counts as silence, and so does the
sound after it where its end cuts a block.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.module import _IncompatibleKeys

from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.file_checks import check_sha256
from ser_stream.models.eight_bit import from_eight_bit
from ser_stream.models.weights import without_memory

PRETRAINED = Path(__file__).parent.parent / "weights" / "whisper-encoder" / "encoder.safetensors"
"""First layers of Whisper base's encoder in eight bits; see NOTICE beside it."""
SHA256 = "bd2f1c0fa180c93fec5b287d45906a60338e9aabad72f8d4c491977b0b86054b"
BANDS, WIDTH, HEADS, LAYERS = 80, 512, 8, 3
"""Mel bands; size of a token; attention heads; layers in the file."""
MAX_TOKENS = 1500
"""Tokens of 30 s, for which Whisper has position encodings; those of later tokens begin again."""
FRAMES_PER_TOKEN = 2
PAST_FRAMES = 3
"""Frames before a token's own two that its convolutions reach."""
BLOCK_TOKENS = 25
PAST_TOKENS = 100
"""Tokens before a block to which its tokens attend."""
LEVEL_FRAMES = 10
"""Frames after which the loudest level so far is determined anew."""
DYNAMIC_RANGE = 8.0
"""Powers of ten below the loudest band of the turn so far, under which bands count as silent."""

State = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Tokens so far (batch,), loudest level so far (batch,) in powers of ten above silence, last frames
(batch, PAST_FRAMES, BANDS) in dB above silence, keys and values of the last tokens (batch, LAYERS,
PAST_TOKENS, WIDTH)."""


class EncoderLayer(nn.Module):
    """A layer of the transformer: attention and a feed-forward network, normalised before each."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.projections = nn.Linear(WIDTH, 3 * WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)
        self.feed_forward_norm = nn.LayerNorm(WIDTH)
        self.feed_forward = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(
        self, tokens: Tensor, past: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the next layer's tokens (batch, n, WIDTH), and the keys and values of these.

        Args:
            past: keys and values (batch, m, WIDTH) of the tokens before.
            mask: (batch, n, m + n) added to the attention's logits.
        """
        query, key, value = self.projections(self.attention_norm(tokens)).chunk(3, dim=2)
        keys, values = torch.cat([past[0], key], dim=1), torch.cat([past[1], value], dim=1)
        logits = _heads(query) @ _heads(keys).transpose(2, 3) / math.sqrt(WIDTH // HEADS)
        weights = torch.softmax(logits + mask[:, None], dim=3)
        attended = (weights @ _heads(values)).transpose(1, 2).flatten(2)
        tokens = tokens + self.output(attended)
        tokens = tokens + self.feed_forward(self.feed_forward_norm(tokens))
        return tokens, (keys, values)


def _heads(tokens: Tensor) -> Tensor:
    """(batch, n, WIDTH) -> (batch, HEADS, n, WIDTH / HEADS)."""
    batch, n, _ = tokens.shape
    return tokens.view(batch, n, HEADS, WIDTH // HEADS).transpose(1, 2)


class WhisperEncoder(nn.Module):
    """Convolutions and the first layers of Whisper's encoder.

    A network that contains it saves none of its weights, and loads none.

    """

    positions: Tensor

    @classmethod
    def pretrained(cls) -> WhisperEncoder:
        """Return an encoder with the pretrained weights. All encoders share their memory.

        Raises:
            InputError: the file of the weights is missing or another one.
        """
        with without_memory():  # no random weights, which would be replaced
            encoder = cls()
        encoder.load_state_dict(pretrained_weights(), assign=True)
        encoder.positions = position_encodings()
        return encoder.requires_grad_(False)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.register_buffer("positions", position_encodings(), persistent=False)
        # Models share the file of these weights: none of them holds a copy.
        self.register_state_dict_post_hook(_without_weights)
        self.register_load_state_dict_post_hook(_none_missing)

    def initial_state(self, batch: int) -> State:
        """Return the state at the start of turns: zeros."""
        new = self.positions.new_zeros
        kept = (batch, LAYERS, PAST_TOKENS, WIDTH)
        return new(batch), new(batch), new(batch, PAST_FRAMES, BANDS), new(kept), new(kept)

    def forward(self, frames: Tensor, state: State) -> tuple[list[Tensor], State]:
        """Encode the next blocks of turns.

        Args:
            frames: (batch, frames, BANDS) in dB; whole blocks.

        Returns:
            The tokens (batch, frames / 2, WIDTH) after each layer, and the state after them.
        """
        n_before, loudest, past_frames, keys, values = state
        loudest = loudest + SILENCE_DB / 10
        levels, loudest_after = _levels(frames / 10, loudest)
        # The silence before a turn is as loud as the least that its first frames may be.
        past_level = torch.where(n_before > 0, loudest, levels[:, 0])
        past_levels = past_level[:, None].expand(-1, PAST_FRAMES)
        levels = torch.cat([past_levels, levels], dim=1)[..., None]
        mel = torch.cat([past_frames + SILENCE_DB, frames], dim=1)
        floored = torch.maximum(mel / 10, levels - DYNAMIC_RANGE)
        tokens = F.gelu(self.conv1(((floored + 4) / 4).transpose(1, 2)))
        tokens = F.gelu(self.conv2(tokens)).transpose(1, 2)
        numbers = n_before[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
        tokens = tokens + self.positions[(numbers % MAX_TOKENS).long()]
        mask = self._mask(n_before, numbers)
        outputs, kept_keys, kept_values = [], [], []
        for number, layer in enumerate(self.layers):
            past = keys[:, number], values[:, number]
            tokens, (all_keys, all_values) = layer(tokens, past, mask)
            outputs.append(tokens)
            kept_keys.append(all_keys[:, -PAST_TOKENS:])
            kept_values.append(all_values[:, -PAST_TOKENS:])
        return outputs, (
            n_before + tokens.shape[1],
            loudest_after - SILENCE_DB / 10,
            mel[:, -PAST_FRAMES:] - SILENCE_DB,
            torch.stack(kept_keys, dim=1),
            torch.stack(kept_values, dim=1),
        )

    def _mask(self, n_before: Tensor, numbers: Tensor) -> Tensor:
        """Return what is added to the attention's logits: 0 where a token attends to another.

        Args:
            n_before: (batch,) tokens before these.
            numbers: (batch, n) of the tokens in their turns.
        """
        before = n_before[:, None] - torch.arange(
            PAST_TOKENS, 0, -1, device=numbers.device, dtype=numbers.dtype
        )
        keys = torch.cat([before, numbers], dim=1)[:, None]
        block = torch.floor(numbers / BLOCK_TOKENS)[..., None] * BLOCK_TOKENS
        attended = (keys >= 0) & (keys >= block - PAST_TOKENS) & (keys < block + BLOCK_TOKENS)
        return torch.where(attended, 0.0, -1e9)


def _without_weights(
    _: nn.Module, weights: dict[str, Tensor], prefix: str, _metadata: object
) -> None:
    """Leave the encoder's weights out of a state dict."""
    for name in [name for name in weights if name.startswith(prefix)]:
        del weights[name]


def _none_missing(_: nn.Module, keys: _IncompatibleKeys) -> None:
    """Accept a state dict that lacks the encoder's weights."""
    keys.missing_keys[:] = [name for name in keys.missing_keys if ".encoder." not in f".{name}"]


def _levels(mel: Tensor, loudest: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loudest level so far at each frame (batch, frames), and after the last (batch,).

    Args:
        mel: (batch, frames, BANDS) in powers of ten, a multiple of `LEVEL_FRAMES`.
        loudest: (batch,) before these frames.
    """
    peaks = mel.reshape(mel.shape[0], -1, LEVEL_FRAMES * mel.shape[2]).amax(dim=2)
    numbers = torch.arange(peaks.shape[1], device=mel.device)
    earlier = numbers <= numbers[:, None]
    so_far = torch.where(earlier, peaks[:, None], loudest[:, None, None]).amax(dim=2)
    so_far = torch.maximum(so_far, loudest[:, None])
    return so_far[..., None].expand(-1, -1, LEVEL_FRAMES).flatten(1), so_far[:, -1]


def position_encodings() -> Tensor:
    """Return the sinusoidal position encodings of Whisper, (MAX_TOKENS, WIDTH)."""
    step = math.log(10_000) / (WIDTH // 2 - 1)
    rates = torch.exp(-step * torch.arange(WIDTH // 2))
    angles = torch.arange(MAX_TOKENS)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@lru_cache(maxsize=1)
def pretrained_weights() -> dict[str, Tensor]:
    """Read the pretrained weights of a `WhisperEncoder`.

    Raises:
        InputError: the file is missing or another one.
    """
    check_sha256(PRETRAINED, SHA256)
    return from_eight_bit(load_file(PRETRAINED))
