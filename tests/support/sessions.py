"""Recorded sessions, written by hand."""

from __future__ import annotations

import json

import numpy as np
import soundfile

STARTED = "2026-12-01T12:00:00.000+00:00"
HEADER = {"event": "session", "format": 1, "ser_stream": "0.1.0", "started": STARTED,
          "model": "tiny", "labels": ["happy", "sad"], "affect": True, "settings": {}}  # fmt: skip
SOURCE = {"event": "source", "source": 1, "name": "</script><b>[red]$x$", "started": STARTED}
ESTIMATE = {"event": "estimate", "turn": 1, "start_s": 0.5, "end_s": 1.5, "trigger": "interval",
            "modality": "audio", "expression": "happy", "confidence": 0.6, "valence": 0.5,
            "arousal": 0.25, "scores": {"happy": 0.6, "sad": 0.4}, "reason": "",
            "words": []}  # fmt: skip
WORDS = [{"text": "he", "start_s": 0.5, "end_s": 0.9}, {"text": "<is>", "start_s": 1, "end_s": 1.4}]
TURN = ESTIMATE | {"trigger": "utterance", "words": WORDS}
UNSURE = TURN | {"turn": 2, "start_s": 2.0, "end_s": 2.4, "expression": "", "reason": "short"}
STATUS = {"event": "status", "position_s": 1.0, "level_dbfs": -20.0, "speaking": True}
AUDIO = {"event": "audio", "file": "audio-1.flac", "sample": 1_600, "time_s": 0.2}
EVENTS = (SOURCE, AUDIO, ESTIMATE, STATUS, TURN, UNSURE, {"event": "end", "reason": ""})


def write_session(folder, *events, header=HEADER):
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(event) + "\n" for event in (header, *events)]
    (folder / "events.jsonl").write_text("".join(lines))
    return folder


def write_whole_session(folder):
    """A session of 3 s with a tone of 1 kHz, whose first sample was heard at 0.1 s."""
    write_session(folder, *EVENTS)
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(48_000) / 16_000)
    soundfile.write(folder / "audio-1.flac", tone, 16_000, "PCM_16")
    return folder, tone
