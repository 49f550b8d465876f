"""A small experiment on the miniature of RAVDESS, and variants of it."""

from __future__ import annotations

from ser_stream.recipes.experiment import Experiment
from ser_stream.validation import convert

CONTENT = {
    "name": "small",
    "source": "nowhere",
    "architecture": "cnn_transformer",
    "labels": ["neutral", "happy", "sad", "angry"],
    "corpora": ["ravdess"],
    "protocol": {"name": "speaker_folds", "folds": 2},
    "features": {"n_mels": 8},
    "options": {"channels": [4, 4, 4, 8], "heads": 2, "feedforward": 8, "layers": 1},
    "optimisation": {"epochs": 2, "batch_size": 3},
}


VARIANTS = {
    "log-mel": {},
    "padded and noisy": {"clip": {"frames": 300, "noise_snr_db": 30.0}},
    "Sherman's": {
        "architecture": "cnn_blstm_attention",
        "features": {"kind": "sherman_log_mel"},
        "options": {"filters": [2, 2, 2, 2], "hidden": 4},
        "clip": {"standardise": "cell"},
    },
    "descriptors": {
        "architecture": "cnn_blstm_attention",
        "features": {"kind": "descriptors", "leave_out": ["rms"]},
        "options": {"filters": [2], "hidden": 4, "chunk_frames": 157, "chunk_hop": 157},
    },
    "MOMA": {"architecture": "moma", "options": {"hidden": 4, "context": 4}},
    "words": {
        "architecture": "can",
        "features": {"kind": "segments", "segmentation": "equal"},
        "options": {"word_dimension": 4, "hidden": 4, "heads": 1},
    },
    "words alone": {
        "architecture": "can_text",
        "features": {"kind": "segments", "segmentation": "equal"},
        "options": {"word_dimension": 4, "hidden": 4},
    },
    "sound alone": {
        "architecture": "can_audio",
        "features": {"kind": "segments", "segmentation": "whole"},
        "options": {"hidden": 4},
    },
    "early stopping": {
        "protocol": {"name": "speaker_folds", "folds": 4, "validation": 1, "only": ["fold 1"]},
        "optimisation": {"epochs": 3, "patience": 1, "schedule": "plateau", "clip_norm": 1.0},
    },
}


def experiment(**changes):
    return convert({**CONTENT, **changes}, Experiment, "here")
