"""A session as one self-contained HTML page, which needs no network."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile

from ser_stream.colours import COLOURS
from ser_stream.files import replacing
from ser_stream.sessions.picture import BANDS, FRAME_S, PEAK_S, peaks, spectrogram
from ser_stream.sessions.read import EstimateEvent, Session, SourcePart, SpeechEvent
from ser_stream.text import valid_texts
from ser_stream.units import SAMPLE_RATE_HZ

TEMPLATE = Path(__file__).with_name("page.html")
DATA = "/*DATA*/"


def write_page(session: Session, path: Path) -> None:
    """Write the page; only this user can read it.

    Raises:
        InputError: the sound cannot be read.
        OSError: the file cannot be written.
    """
    data = {
        "started": session.about.started.isoformat(timespec="seconds"),
        "model": session.about.model,
        "labels": session.about.labels,
        "affect": session.about.affect,
        "complete": session.complete,
        "colours": COLOURS,
        "peak_s": PEAK_S,
        "frame_s": FRAME_S,
        "bands": BANDS,
        "parts": [_part(part) for part in session.parts],
    }
    # "<" of "</script>" or "<!--" in a name would end the block of data.
    text = json.dumps(valid_texts(data), allow_nan=False).replace("<", "\\u003c")
    page = TEMPLATE.read_text(encoding="utf-8").replace(DATA, text)
    with replacing(path, private=True) as file:
        file.write(page.encode())


def _part(part: SourcePart) -> dict[str, Any]:
    """Return what the page shows of one source."""
    samples = part.samples()
    found: dict[str, Any] = {
        "name": part.name,
        "started": part.started.isoformat(timespec="seconds"),
        "intervals": msgspec.to_builtins(part.intervals),
        "turns": msgspec.to_builtins(part.turns),
        "words": _words(part),
        "status": msgspec.to_builtins(part.status),
        "audio_start_s": part.audio_start_s,
        "anchors": part.anchors,
        "end_s": end_s(part, len(samples)),
        "peaks": "",
        "spectrogram": "",
        "audio": "",
    }
    if part.audio is not None:
        found["peaks"] = _base64(np.round(127 * np.clip(peaks(samples), -1, 1)).astype(np.int8))
        found["spectrogram"] = _base64(np.round(255 * spectrogram(samples)).astype(np.uint8))
        content = base64.b64encode(_seekable_flac(part.audio, samples)).decode()
        found["audio"] = f"data:audio/flac;base64,{content}"
    return found


def _seekable_flac(path: Path, samples: np.ndarray) -> bytes:
    """Return the sound as a FLAC file that states its length, as browsers need it to seek."""
    with soundfile.SoundFile(path) as file:
        if file.frames == len(samples):
            return path.read_bytes()
    content = io.BytesIO()  # the process was killed before it could write the length
    soundfile.write(content, samples, SAMPLE_RATE_HZ, "PCM_16", format="FLAC")
    return content.getvalue()


def _words(part: SourcePart) -> list[dict[str, Any]]:
    """Return the words of all turns."""
    events: list[SpeechEvent | EstimateEvent] = [*part.speech, *part.turns]
    words = {(word.start_s, word.text): word for event in events for word in event.words}
    return msgspec.to_builtins(sorted(words.values(), key=lambda word: word.start_s))


def end_s(part: SourcePart, n_samples: int) -> float:
    """Return when the recording of a source ends, on the stream's clock; at least 1 s."""
    events: list[SpeechEvent | EstimateEvent] = [*part.estimates, *part.speech]
    ends = [event.end_s for event in events]
    ends += [status.position_s for status in part.status]
    if n_samples:
        ends.append(part.audio_start_s + n_samples / SAMPLE_RATE_HZ)
    return max([1.0, *ends])


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
