"""What could not be read of a sound file, as a line for people."""

from __future__ import annotations

import dataclasses
import math

from ser_stream.audio.containers.part import CUT_OFF, Part, Skipped
from ser_stream.audio.decoder import PartDecoder
from ser_stream.units import Seconds

MAX_LISTED = 3
"""Losses that are named one by one; the others are counted."""


@dataclasses.dataclass(frozen=True)
class _Loss:
    """A loss.

    Attributes:
        after_s: when the sound that was read before it ends.
        text: what was skipped, and why.
        whole_s: length of the file up to here if it were not cut off; 0: it is not cut off here.
        reason: why it is cut off.
    """

    after_s: Seconds
    text: str
    whole_s: Seconds = 0.0
    reason: str = ""


class Losses:
    """The losses of a file in order; its text is complete when all has been read."""

    def __init__(self) -> None:
        self._listed: list[_Loss] = []
        self._n = 0
        self._read_s = 0.0

    def __bool__(self) -> bool:
        return self._n > 0

    def __str__(self) -> str:
        """Describe all losses in one line.

        A file that only breaks off is described so.
        """
        first = self._listed[0]
        if self._n == 1 and first.whole_s and first.after_s == self._read_s:
            of_whole = f" of {first.whole_s:.2f} s" if math.isfinite(first.whole_s) else ""
            return f"breaks off after {first.after_s:.2f} s{of_whole} ({first.reason})"
        texts = [loss.text for loss in self._listed]
        if self._n > MAX_LISTED:
            texts.append(f"and {self._n - MAX_LISTED} more")
        return f"read {self._read_s:.2f} s, skipped {'; '.join(texts)}"

    def add_bytes(self, skipped: Skipped, after_s: Seconds) -> None:
        """Add bytes that are not decoded, behind `after_s` seconds of sound."""
        text = f"{skipped.n_bytes} bytes after {after_s:.2f} s ({skipped.what}"
        self._add(_Loss(after_s, f"{text}, from byte {skipped.span[0]} on)"))

    def add_undecoded(self, part: Part, after_s: Seconds, reason: str) -> None:
        """Add a part that cannot be decoded."""
        length = f"{part.length_s:.2f} s" if part.length_s else f"{part.n_bytes} bytes"
        at = part.spans[0][0]
        self._add(_Loss(after_s, f"{length} after {after_s:.2f} s, from byte {at} on ({reason})"))

    def add_gap(self, length_s: Seconds, after_s: Seconds, reason: str) -> None:
        """Add sound of a known length that is missing behind `after_s` seconds of sound."""
        self._read_s = after_s
        self._add(_Loss(after_s, f"{length_s:.2f} s after {after_s:.2f} s ({reason})"))

    def add_part(self, part: Part, start_s: Seconds, end_s: Seconds, decoder: PartDecoder) -> None:
        """Add what is missing of a part that was read from `start_s` to `end_s`, if anything is."""
        self._read_s = end_s
        if decoder.unread_bytes:
            text = f"at least {decoder.unread_bytes} bytes after {end_s:.2f} s (no sound)"
            self._add(_Loss(end_s, text))
        missing_s = (decoder.whole_length - decoder.length) / decoder.sample_rate_hz
        if decoder.failure and not missing_s:
            missing_s = math.inf
        reason = decoder.failure or part.damage or ("damaged frames" if decoder.damaged else "")
        if not missing_s and not reason:
            return
        reason = reason or CUT_OFF
        is_cut = bool(missing_s) and (reason == CUT_OFF or bool(decoder.failure))
        if math.isinf(missing_s):
            length = "sound of unknown length"
        elif missing_s:
            length = f"{missing_s:.2f} s"
        else:
            length = "parts of the sound"
        place = f"after {end_s:.2f} s" if is_cut else f"between {start_s:.2f} s and {end_s:.2f} s"
        text = f"{length} {place} ({reason})"
        self._add(_Loss(end_s, text, end_s + missing_s if is_cut else 0.0, reason))

    def _add(self, loss: _Loss) -> None:
        self._n += 1
        if len(self._listed) < MAX_LISTED:
            self._listed.append(loss)
