"""Words with times as text: JSON Lines, Praat's TextGrid, and subtitles."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from ser_stream.asr.transcription import SpokenTurn
from ser_stream.emotion import rounded
from ser_stream.text import valid_texts
from ser_stream.units import Seconds
from ser_stream.words import Word

LINE_LENGTH, LINES = 42, 2
MAX_CUE: Seconds = 7.0
"""Limits of a subtitle (Netflix, Timed Text Style Guide: two lines of 42 characters, 7 s)."""


def json_line(turn: SpokenTurn) -> str:
    """Return a turn as one line of JSON.

    Keys: start_s, end_s, text and words; of each word: text, start_s, end_s, probability.
    """
    words = [rounded(word.to_dict()) for word in turn.words]
    content = {"start_s": round(turn.start_s, 3), "end_s": round(turn.end_s, 3), "text": turn.text}
    return json.dumps(valid_texts({**content, "words": words}), ensure_ascii=False)


def textgrid(turns: Sequence[SpokenTurn], duration_s: Seconds) -> str:
    """Return a TextGrid in Praat's long text format with the tiers "turns" and "words".

    Intervals cover the whole recording without overlap; those between words have the text "". A
    word that begins before the previous one has ended is cut; if nothing is left of it, its text is
    appended to the previous word's.
    """
    tiers = {
        "turns": [(turn.start_s, turn.end_s, turn.text) for turn in turns],
        "words": [(w.start_s, w.end_s, w.text) for turn in turns for w in turn.words],
    }
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {duration_s:.6f}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, spans) in enumerate(tiers.items(), 1):
        intervals = _covering(spans, duration_s)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {duration_s:.6f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, (start_s, end_s, text) in enumerate(intervals, 1):
            quoted = text.replace('"', '""')
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start_s:.6f}",
                f"            xmax = {end_s:.6f}",
                f'            text = "{quoted}"',
            ]
    return "\n".join(lines) + "\n"


def _covering(
    spans: Iterable[tuple[Seconds, Seconds, str]], duration_s: Seconds
) -> list[tuple[Seconds, Seconds, str]]:
    """Return intervals that cover 0 to the duration, from spans ordered by their starts."""
    intervals: list[tuple[Seconds, Seconds, str]] = []
    position = 0.0
    for start_s, end_s, text in spans:
        # Rounded as they are written: a gap that rounds to 0 would be an interval without length.
        start_s, end_s = max(round(start_s, 6), position), min(round(end_s, 6), duration_s)
        if end_s <= start_s:
            if intervals:
                first, last, before = intervals[-1]
                intervals[-1] = (first, last, f"{before} {text}".strip())
            continue
        if start_s > position:
            intervals.append((position, start_s, ""))
        intervals.append((start_s, end_s, text))
        position = end_s
    if round(duration_s, 6) > position:
        intervals.append((position, duration_s, ""))
    return intervals


def srt(turns: Iterable[SpokenTurn]) -> str:
    """Return SubRip subtitles: numbered cues of up to two lines and 7 s."""
    cues = [words for turn in turns for words in _cues(turn.words)]
    blocks = []
    for number, words in enumerate(cues, 1):
        times = f"{_srt_time(words[0].start_s)} --> {_srt_time(words[-1].end_s)}"
        lines = textwrap.wrap(" ".join(word.text for word in words), LINE_LENGTH)
        blocks.append("\n".join([str(number), times, *lines]) + "\n")
    return "\n".join(blocks)


def _cues(words: Sequence[Word]) -> Iterator[list[Word]]:
    cue: list[Word] = []
    for word in words:
        text = " ".join(part.text for part in [*cue, word])
        fits = (
            len(textwrap.wrap(text, LINE_LENGTH)) <= LINES
            and (word.end_s - (cue or [word])[0].start_s) <= MAX_CUE
        )
        if cue and not fits:
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def _srt_time(time_s: Seconds) -> str:
    """Return a time as hh:mm:ss,mmm."""
    ms = round(1000 * time_s)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
