"""Detection of the words in a growing transcript that will not change any more."""

from __future__ import annotations

from collections.abc import Sequence

from ser_stream.features.vocabulary import spelling
from ser_stream.words import Word


class LocalAgreement:
    """Takes the words for stable that two successive passes begin with.

    LocalAgreement-2 of Macháček, Dabre and Bojar, "Turning Whisper into real-time transcription
    system", IJCNLP-AACL 2023 (Whisper-Streaming), after Liu et al., Interspeech 2020. Here
    every pass covers the turn from its beginning, and capitals and punctuation are ignored: they
    change with every word that follows::

        pass 1    the meeting is
        pass 2    The meeting begins at          stable: The meeting
        pass 3    The meeting begins at ten      stable: The meeting begins at
    """

    def __init__(self) -> None:
        self._stable: tuple[Word, ...] = ()
        self._unstable: tuple[Word, ...] = ()  # of the last pass

    def __call__(self, words: Sequence[Word]) -> tuple[tuple[Word, ...], int]:
        """Add a pass; return the words to show and how many of them, from the first, are stable."""
        unstable = self._after_stable(words)
        agreed = _common_length(self._unstable, unstable)
        self._stable += unstable[:agreed]
        self._unstable = unstable[agreed:]
        return self._stable + self._unstable, len(self._stable)

    def _after_stable(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return the words of a pass after the stable ones.

        Where the pass has other words in their place, times decide, as in Whisper-Streaming.
        """
        n_stable = len(self._stable)
        if _common_length(self._stable, words) == n_stable:
            return tuple(words[n_stable:])
        end_s = self._stable[-1].end_s
        return tuple(word for word in words if (word.start_s + word.end_s) / 2 > end_s)


def _common_length(first: Sequence[Word], second: Sequence[Word]) -> int:
    """Return the number of words that both begin with."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if spelling(one.text) != spelling(other.text):
            break
        length += 1
    return length
