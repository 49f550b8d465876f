"""Speech recognisers of the service, which its streams borrow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ser_stream.stream.word_recognition import WordRecognition


class WordRecognizers:
    """Lends speech recognisers to streams, each to one stream at a time. Used in the event loop.

    Each is a process of its own. The first one runs from the start, so that words do not wait for
    it; one that is given back runs on, for the next stream.

    Args:
        make: starts one.
        most: how many may run.

    Raises:
        InputError: see `WordRecognition`.
    """

    def __init__(self, make: Callable[[], WordRecognition], most: int):
        self._make = make
        self._most = most
        self._idle = [make()]
        self._n_running = 1

    async def borrow(self) -> WordRecognition | None:
        """Return one that no stream uses; None where all that may run are in use."""
        if self._idle:
            return self._idle.pop()
        if self._n_running >= self._most:
            return None
        self._n_running += 1
        try:
            return await asyncio.to_thread(self._make)
        except BaseException:
            self._n_running -= 1
            raise

    def give_back(self, words: WordRecognition) -> None:
        """Take one back when its stream has ended."""
        self._idle.append(words)

    def close(self) -> None:
        """End those that no stream uses."""
        while self._idle:
            self._idle.pop().close()
