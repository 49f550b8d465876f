"""What is wrong with the sound of a stream, for people."""

from __future__ import annotations

import logging

from ser_stream.audio.conditioner import Conditioner
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

NO_SIGNAL_S: Seconds = 5.0
"""A live source whose samples have all been the same for so long is muted or dead: the noise of a
microphone that works changes from sample to sample."""

OFFSET, PHASE, NO_SIGNAL = "DC offset", "phase", "no signal"
ENDS = {
    OFFSET: "the DC offset is gone",
    PHASE: "the channels are in phase again; their mean is used",
    NO_SIGNAL: "the microphone gives a signal again",
}
"""Kind of problem -> what the log says when it is over."""


class SoundProblems:
    """Notes problems of a stream's sound. The log gets a line when one begins, and when it ends.

    Args:
        name: of the source, for the log.
        live: whether the source is live. Zeros in a recording are no problem.

    Attributes:
        text: all present problems, as a line for people; "" for none.
        no_signal: whether the source gives no signal; that is a fault, while the others are dealt
            with.
    """

    def __init__(self, name: str, live: bool) -> None:
        self.text = ""
        self.no_signal = False
        self._name, self._live = name, live
        self._present: dict[str, str] = {}

    def note(self, conditioner: Conditioner, muted: bool) -> None:
        """Take what the conditioner has measured into account.

        Args:
            muted: whether sound is ignored: then a source without a signal may be meant.
        """
        present = self._found(conditioner, muted)
        if present == self._present:
            return
        for kind, text in present.items():
            if kind not in self._present:
                logger.warning("%s: %s", self._name, text)
        for kind in self._present:
            if kind not in present:
                logger.info("%s: %s", self._name, ENDS[kind])
        self._present = present
        self.no_signal = NO_SIGNAL in present
        self.text = "; ".join(present.values())

    def _found(self, conditioner: Conditioner, muted: bool) -> dict[str, str]:
        """Return the present problems: kind -> text."""
        found, check = {}, conditioner.sound
        if self._live and not muted and check.constant_s >= NO_SIGNAL_S:
            found[NO_SIGNAL] = (
                f"no signal: all samples are the same for {NO_SIGNAL_S:.0f} s and longer; "
                "the microphone is muted, unplugged or broken"
            )
        if check.offset:
            found[OFFSET] = (
                f"large DC offset: {check.offset_dbfs:.0f} dBFS; it is filtered out, but leaves "
                "less room for loud speech"
            )
        if (channel := conditioner.replaces_mean) is not None:
            found[PHASE] = (
                f"the channels are in opposite phase and cancel; channel {channel} is used instead "
                "of their mean: check the wiring"
            )
        return found
