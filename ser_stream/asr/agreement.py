"""Which words of a transcript that still grows will not change any more."""

from __future__ import annotations

from collections.abc import Sequence

from ser_stream.features.vocabulary import spelling
from ser_stream.words import Word


class LocalAgreement:
    """Words that two passes in a row begin with are stable: they stay as they are.

    LocalAgreement-2 of Macháček, Dabre and Bojar, "Turning Whisper into real-time transcription
    system", IJCNLP-AACL 2023 (Whisper-Streaming), after Liu et al., Interspeech 2020. Here every
    pass hears the turn from its beginning, and capitals and punctuation do not count: they change
    with every word that follows::

        pass 1    the meeting is
        pass 2    The meeting begins at          stable: The meeting
        pass 3    The meeting begins at ten      stable: The meeting begins at
    """

    def __init__(self) -> None:
        self._stable: tuple[Word, ...] = ()
        self._unsure: tuple[Word, ...] = ()  # of the pass before

    def __call__(self, words: Sequence[Word]) -> tuple[tuple[Word, ...], int]:
        """Take a pass's words; return the words to show, and how many of the first are stable."""
        unsure = self._behind_stable(words)
        agreed = _common_length(self._unsure, unsure)
        self._stable += unsure[:agreed]
        self._unsure = unsure[agreed:]
        return self._stable + self._unsure, len(self._stable)

    def _behind_stable(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """What this pass has behind the stable words; by time, where it has others in their place.

        Whisper-Streaming too goes by time there.
        """
        n_stable = len(self._stable)
        if _common_length(self._stable, words) == n_stable:
            return tuple(words[n_stable:])
        end_s = self._stable[-1].end_s
        return tuple(word for word in words if (word.start_s + word.end_s) / 2 > end_s)


def _common_length(first: Sequence[Word], second: Sequence[Word]) -> int:
    """How many words both begin with."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if spelling(one.text) != spelling(other.text):
            break
        length += 1
    return length
