"""Whisper's first layers on blocks of a stream, compared with transformers."""

import numpy as np
import pytest
import torch
from torch import nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.models import whisper_encoder
from ser_stream.models.whisper_encoder import (
    BANDS,
    BLOCK_TOKENS,
    LAYERS,
    MAX_TOKENS,
    PAST_TOKENS,
    WIDTH,
    WhisperEncoder,
    pretrained_weights,
)

BLOCK_FRAMES = 2 * BLOCK_TOKENS
RNG = np.random.default_rng(0)
FRAMES = torch.from_numpy(RNG.normal(-30, 15, (2, 20 * BLOCK_FRAMES, BANDS)).astype(np.float32))


@pytest.fixture(scope="module")
def encoder():
    network = WhisperEncoder().eval()
    network.load_state_dict(pretrained_weights())
    return network


def encoded(encoder, frames, *sizes):
    """Return the last layer's tokens of frames that are given in blocks of these numbers."""
    state, parts = encoder.initial_state(len(frames)), []
    with torch.inference_mode():
        for chunk in frames.split([size * BLOCK_FRAMES for size in sizes], dim=1):
            layers, state = encoder(chunk, state)
            parts.append(layers[-1])
    return torch.cat(parts, dim=1)


def test_a_block_equals_the_implementation_of_transformers(encoder):
    whisper = pytest.importorskip("transformers.models.whisper.modeling_whisper")
    config = pytest.importorskip("transformers").WhisperConfig(
        d_model=WIDTH, encoder_layers=LAYERS, encoder_attention_heads=8, encoder_ffn_dim=4 * WIDTH,
        num_mel_bins=BANDS, max_source_positions=MAX_TOKENS, attn_implementation="eager",
    )  # fmt: skip
    theirs = whisper.WhisperEncoder(config).eval()
    for mine, layer in zip(encoder.layers, theirs.layers, strict=True):
        attention = layer.self_attn
        parts = mine.projections.weight.chunk(3), mine.projections.bias.chunk(3)
        for name, weight, bias in zip("qkv", *parts, strict=True):
            projection = getattr(attention, f"{name}_proj")
            projection.weight.data = weight
            if name == "k":  # Whisper's keys have no bias
                assert not bias.any()
            else:
                projection.bias.data = bias
        attention.out_proj.load_state_dict(mine.output.state_dict())
        layer.self_attn_layer_norm.load_state_dict(mine.attention_norm.state_dict())
        layer.final_layer_norm.load_state_dict(mine.feed_forward_norm.state_dict())
        layer.fc1.load_state_dict(mine.feed_forward[0].state_dict())
        layer.fc2.load_state_dict(mine.feed_forward[2].state_dict())
    frames = FRAMES[:, :BLOCK_FRAMES]
    # Whisper's log-mel, see its `log_mel_spectrogram`, behind three frames of silence.
    mel = torch.cat([torch.full((2, 3, BANDS), SILENCE_DB), frames], dim=1) / 10
    loudest = torch.cummax(frames.reshape(2, -1, 10 * BANDS).amax(2), dim=1)[0] / 10
    floors = torch.cat([loudest[:, :1].expand(2, 3), loudest.repeat_interleave(10, 1)], 1) - 8
    mel = (torch.maximum(mel, floors[..., None]) + 4) / 4
    with torch.inference_mode():
        tokens = nn.functional.gelu(encoder.conv1(mel.transpose(1, 2)))
        tokens = nn.functional.gelu(encoder.conv2(tokens)).transpose(1, 2)
        tokens = tokens + theirs.embed_positions.weight[:BLOCK_TOKENS]
        for layer in theirs.layers:
            tokens = layer(tokens, attention_mask=None)
            tokens = tokens if isinstance(tokens, torch.Tensor) else tokens[0]
    torch.testing.assert_close(encoded(encoder, frames, 1), tokens, atol=2e-4, rtol=1e-3)


def test_blocks_in_any_number_of_calls_give_the_same_tokens(encoder):
    whole = encoded(encoder, FRAMES, 20)
    for sizes in [(1,) * 20, (2, 3, 15), (10, 10)]:
        torch.testing.assert_close(encoded(encoder, FRAMES, *sizes), whole, atol=1e-4, rtol=1e-4)


def test_turns_of_a_batch_may_be_at_different_places(encoder):
    with torch.inference_mode():
        _, behind = encoder(FRAMES[:1, :BLOCK_FRAMES], encoder.initial_state(1))
        state = tuple(
            torch.cat(arrays) for arrays in zip(behind, encoder.initial_state(1), strict=True)
        )
        later, first = FRAMES[:1, BLOCK_FRAMES : 2 * BLOCK_FRAMES], FRAMES[1:, :BLOCK_FRAMES]
        together = encoder(torch.cat([later, first]), state)[0][-1]
    expected = encoded(encoder, FRAMES[:1, : 2 * BLOCK_FRAMES], 2)[:, BLOCK_TOKENS:]
    torch.testing.assert_close(together[:1], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together[1:], encoded(encoder, first, 1), atol=1e-4, rtol=1e-4)


def test_later_frames_do_not_change_tokens(encoder):
    changed = FRAMES.clone()
    changed[:, 3 * BLOCK_FRAMES :] += 30
    found = encoded(encoder, changed, 20)[:, : 3 * BLOCK_TOKENS]
    expected = encoded(encoder, FRAMES, 20)[:, : 3 * BLOCK_TOKENS]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_frames_further_back_than_all_layers_reach_do_not_change_tokens(encoder):
    frames = FRAMES.clone()
    frames[:, 25] = 40  # the loudest level so far, from there on
    changed = frames.clone()
    changed[:, :20] -= 3
    found, expected = encoded(encoder, changed, 20), encoded(encoder, frames, 20)
    assert not torch.allclose(found[:, :PAST_TOKENS], expected[:, :PAST_TOKENS], atol=1e-2)
    behind = LAYERS * PAST_TOKENS + 2 * BLOCK_TOKENS
    torch.testing.assert_close(found[:, behind:], expected[:, behind:], atol=1e-4, rtol=1e-4)


def test_positions_begin_again_after_thirty_seconds(encoder):
    state = list(encoder.initial_state(1))
    frames = FRAMES[:1, :BLOCK_FRAMES]
    with torch.inference_mode():
        state[0] = torch.full((1,), float(MAX_TOKENS))
        after = encoder(frames, tuple(state))[0][-1]
        assert torch.isfinite(after).all()


def test_the_state_of_a_network_that_contains_it_has_none_of_its_weights(encoder):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder
            self.output = nn.Linear(2, 2)

    network = Network()
    assert set(network.state_dict()) == {"output.weight", "output.bias"}
    network.load_state_dict(network.state_dict())


def test_a_damaged_or_missing_file_is_named(tmp_path, monkeypatch):
    pretrained_weights.cache_clear()
    content = whisper_encoder.PRETRAINED.read_bytes()
    path = tmp_path / "encoder.safetensors"
    monkeypatch.setattr(whisper_encoder, "PRETRAINED", path)
    with pytest.raises(InputError, match=r"encoder\.safetensors: No such file .*; install"):
        pretrained_weights()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=r"SHA-256 is .*another or a damaged file; install"):
        pretrained_weights()
