"""Damaged audio messages of ROS: refused by one line, or with the samples that their fields say."""

from __future__ import annotations

import re

import fuzz_messages
from ser_stream.ros import audio_messages


def test_no_damaged_message_is_accepted_wrongly(capsys):
    """`make fuzz` runs a thousand."""
    assert fuzz_messages.main(["--cases", "440"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"\n\| all \| 440 \| \d+ \| \d+ \|\n", out)
    assert "case " not in err  # where faults are listed, beside what the decoder logs


def test_faults_of_the_decoder_are_found(capsys, monkeypatch):
    monkeypatch.setattr(audio_messages, "check_header", lambda header: None)
    monkeypatch.setattr(audio_messages, "check_size", lambda n_bytes: None)
    monkeypatch.setattr(audio_messages, "check_length", lambda length_s: None)
    assert fuzz_messages.main(["--cases", "220"]) == 1
    err = capsys.readouterr().err
    assert "frame of Fields" in err and "accepted a bad message" in err
    assert "MemoryError: data that is too large was read" in err
