"""A Whisper model of 2 MB that says one sentence, whatever it hears: no torch, no network.

What runs on it is the real faster-whisper and the real CTranslate2: features, encoder, decoder with
its time-stamp rules, word alignment by cross attention, tokenizer. Only its weights are made up:

* An encoder layer and a decoder layer whose attention and feed-forward parts add nothing, so that
  what comes out is the position that went in.
* The decoder's position is a one-hot code in the first half of its vector; the output projection
  maps position i to the token that is to be said i-th.
* The second half is a code of time (sines and cosines), the same as the encoder's. Cross attention
  compares them: decoder position i looks at encoder frame `FRAMES_PER_TOKEN` * i, and that is what
  word times are taken from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES

CODE = 32
"""Length of either half; also how many tokens can be said."""
WIDTH = 2 * CODE
N_MELS, ENCODER_FRAMES, DECODER_POSITIONS = 80, 1500, 448
FRAMES_PER_TOKEN = 10
"""Of 20 ms each."""


def make_tiny_whisper(
    folder: Path, sentence: str, detected: str = "", end_s: float = 2.0, no_speech: float = -10.0
) -> Path:
    """Write the model.

    Args:
        sentence: each word is a token, with the space in front of it; so is punctuation.
        detected: language of everything it hears; "" makes an English-only model.
        end_s: the time stamp that ends the sentence.
        no_speech: logit of "no speech"; the logits of what is said are 10.
    """
    tokenizer = _tokenizer(" " + sentence, multilingual=bool(detected))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    number = tokenizer.token_to_id
    prompt = ["<|startoftranscript|>"]
    if detected:
        prompt += [f"<|{detected}|>", "<|transcribe|>"]
    said = [number("<|0.00|>"), *tokenizer.encode(" " + sentence).ids]
    said += [number(f"<|{end_s:.2f}|>"), number("<|endoftext|>")]

    spec = WhisperSpec(1, 1, 1, 1)
    _fill_encoder(spec.encoder)
    _fill_decoder(spec.decoder, tokenizer.get_vocab_size())
    projection = spec.decoder.projection.weight
    for position, token in enumerate(said, start=len(prompt) - 1):
        projection[token, position] = 10.0 / _one_hot_scale()
    projection[number("<|nospeech|>"), 0] = no_speech / _one_hot_scale()
    if detected:
        projection[number(f"<|{detected}|>"), 0] = 10.0 / _one_hot_scale()
    spec.config.alignment_heads = [(0, 0)]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [number(f"<|{code}|>") for code in _LANGUAGE_CODES] if detected else []
    spec.register_vocabulary([tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())])
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    return folder


def _tokenizer(sentence: str, multilingual: bool) -> tokenizers.Tokenizer:
    """Byte-level BPE in Whisper's order: bytes, words, end, start, languages, tasks, times."""
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = sorted(byte_level.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    merges = []
    for word, _ in byte_level.pre_tokenize_str(sentence):
        pieces = list(word)
        while len(pieces) > 1:
            merge = (pieces[0], pieces[1])
            if merge not in merges:
                merges.append(merge)
            pieces[:2] = ["".join(merge)]
            vocabulary.setdefault(pieces[0], len(vocabulary))
    specials = ["<|endoftext|>", "<|startoftranscript|>"]
    if multilingual:
        specials += [f"<|{code}|>" for code in _LANGUAGE_CODES]
    specials += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    specials += ["<|nospeech|>", "<|notimestamps|>"]
    specials += [f"<|{hundredths / 100:.2f}|>" for hundredths in range(0, 3001, 2)]
    if multilingual:  # CTranslate2 knows it by the empty token, which English-only ones lack
        vocabulary[""] = len(vocabulary)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return tokenizer


def _time_code(frames: np.ndarray) -> np.ndarray:
    """(frames, CODE); the dot product of two is largest where they are of the same frame."""
    periods = np.geomspace(20, 2 * ENCODER_FRAMES, CODE // 2)
    phases = 2 * np.pi * frames[:, None] / periods
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1).astype(np.float32)


def _fill_encoder(encoder) -> None:
    encoder.conv1.weight = np.zeros((WIDTH, N_MELS, 3), np.float32)
    encoder.conv1.bias = np.zeros(WIDTH, np.float32)
    encoder.conv2.weight = np.zeros((WIDTH, WIDTH, 3), np.float32)
    encoder.conv2.bias = np.zeros(WIDTH, np.float32)
    positions = np.zeros((ENCODER_FRAMES, WIDTH), np.float32)
    positions[:, CODE:] = _time_code(np.arange(ENCODER_FRAMES))
    encoder.position_encodings.encodings = positions
    _fill_norm(encoder.layer_norm)
    _fill_self_attention(encoder.layer[0].self_attention)
    _fill_feed_forward(encoder.layer[0].ffn)


def _fill_decoder(decoder, n_tokens: int) -> None:
    decoder.embeddings.weight = np.zeros((n_tokens, WIDTH), np.float32)
    positions = np.zeros((DECODER_POSITIONS, WIDTH), np.float32)
    positions[:CODE, :CODE] = _ONE_HOT * np.eye(CODE)
    positions[:, CODE:] = _time_code(FRAMES_PER_TOKEN * np.arange(DECODER_POSITIONS))
    decoder.position_encodings.encodings = positions
    _fill_norm(decoder.layer_norm)
    decoder.projection.weight = np.zeros((n_tokens, WIDTH), np.float32)
    layer = decoder.layer[0]
    _fill_self_attention(layer.self_attention)
    _fill_feed_forward(layer.ffn)
    attention = layer.attention
    _fill_norm(attention.layer_norm)
    time_only = np.diag(np.r_[np.zeros(CODE), np.ones(CODE)]).astype(np.float32)
    _fill_linear(attention.linear[0], 20 * time_only)  # sharp attention
    _fill_linear(attention.linear[1], np.concatenate([time_only, np.zeros_like(time_only)]))
    _fill_linear(attention.linear[2], np.zeros((WIDTH, WIDTH)))


_ONE_HOT = 4.0


def _one_hot_scale() -> float:
    """What the layer norm makes of the one-hot entry, to a few per cent."""
    vector = np.r_[_ONE_HOT, np.zeros(CODE - 1), _time_code(np.array([0]))[0]]
    return float((_ONE_HOT - vector.mean()) / vector.std())


def _fill_self_attention(attention) -> None:
    _fill_norm(attention.layer_norm)
    _fill_linear(attention.linear[0], np.zeros((3 * WIDTH, WIDTH)))
    _fill_linear(attention.linear[1], np.zeros((WIDTH, WIDTH)))


def _fill_feed_forward(feed_forward) -> None:
    _fill_norm(feed_forward.layer_norm)
    _fill_linear(feed_forward.linear_0, np.zeros((WIDTH, WIDTH)))
    _fill_linear(feed_forward.linear_1, np.zeros((WIDTH, WIDTH)))


def _fill_norm(norm) -> None:
    norm.gamma, norm.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def _fill_linear(linear, weight: np.ndarray) -> None:
    linear.weight = weight.astype(np.float32)
    linear.bias = np.zeros(len(weight), np.float32)
