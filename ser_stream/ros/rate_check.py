"""Whether as much sound arrives as a topic's format says. Needs no ROS."""

from __future__ import annotations

from ser_stream.units import Seconds


class RateCheck:
    """Compares the duration of the received audio with the time that it took to arrive.

    Samples with a wrong rate or number of channels look like any others, but too many or too few of
    them arrive each second: stereo declared as mono gives 2 s of sound, mono declared as stereo
    half a second. Pauses of the publisher do not count.

    Args:
        name: of the topic, for the message.

    Attributes:
        error: what is wrong; "" if nothing is.
    """

    PERIOD_S: Seconds = 5.0

    ACCEPTED = (0.6, 1.2)
    """Seconds of sound per second. Lost messages are gaps, and no error, unless most are lost."""

    MAX_STEP_S: Seconds = 0.5
    """Messages that are further apart, and further than twice their length, have a pause between
    them."""

    def __init__(self, name: str = "topic audio") -> None:
        self.error = ""
        self._name = name
        self._start_s: Seconds | None = None
        self._end_s: Seconds = 0.0  # of the last block
        self._received_s: Seconds = 0.0

    def add(self, duration_s: Seconds, end_s: Seconds) -> None:
        """Take a block into account that has this duration and ends at this stamp."""
        step_s, self._end_s = end_s - self._end_s, end_s
        pause = step_s < 0 or step_s > max(self.MAX_STEP_S, 2 * duration_s)
        if self._start_s is None or pause:
            self._start_s, self._received_s = end_s, 0.0
            return
        self._received_s += duration_s
        elapsed_s = end_s - self._start_s
        if elapsed_s < self.PERIOD_S:
            return
        ratio = self._received_s / elapsed_s
        lowest, highest = self.ACCEPTED
        self.error = ""
        if not lowest <= ratio <= highest:
            self.error = (
                f"{self._name}: {ratio:.1f} s of sound arrive in each second; check audio_info, or "
                "audio_rate and audio_channels (stereo declared as mono gives 2.0, mono declared "
                "as stereo 0.5)"
            )
        self._start_s, self._received_s = end_s, 0.0
