"""A network whose answers are checked while a stream runs, and that is opened again when it fails.

A network gives NaN or infinite values, or its engine raises an error, where its memory was damaged
or a driver is at fault. The estimate is then withheld: of NaN it would name the first label, with a
confidence that is no number.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from ser_stream.engines.base import Network
from ser_stream.engines.wrapped import WrappedNetwork
from ser_stream.errors import InferenceError
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

FAILURES_BEFORE_RELOAD = 3
"""Failed windows in a row, of all streams together, after which the model is opened again. Where
as many fail after that, recognition ends."""
RELOAD_EVERY: Seconds = 60.0
"""A model that fails again within this time after it was opened again is given up."""


class GuardedNetwork(WrappedNetwork):
    """A network and how to open it anew. Streams report the windows that failed.

    Args:
        network: runs until it is replaced.
        reopen: returns the same network, loaded again.
        name: of the model, for the log.
    """

    def __init__(self, network: Network, reopen: Callable[[], Network], name: str):
        super().__init__(network)
        self._reopen = reopen
        self._name = name
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._withheld = 0  # in the present episode, up to its end
        self._reloaded_at: float | None = None  # monotonic

    def note(self, problem: str) -> None:
        """Note why a window has no answer, "" if it has one.

        After several failures in a row, the model is opened again. The log gets one line when the
        first answer is withheld, and one when answers are back.

        Raises:
            InferenceError: the model fails although it was opened again.
        """
        with self._lock:
            if problem:
                self._note_failure(problem)
                return
            if self._withheld:
                logger.info(
                    "model %s: answers again; %d estimates were withheld",
                    self._name, self._withheld,
                )  # fmt: skip
            self._in_a_row = self._withheld = 0

    def _note_failure(self, problem: str) -> None:
        self._in_a_row += 1
        self._withheld += 1
        if self._withheld == 1:
            logger.error(
                "model %s: %s; estimates are withheld until it answers again", self._name, problem
            )
        if self._in_a_row < FAILURES_BEFORE_RELOAD:
            return
        now = time.monotonic()
        if self._reloaded_at is not None and now - self._reloaded_at < RELOAD_EVERY:
            raise InferenceError(
                f"model {self._name}: {problem}; {self._withheld} estimates in a row were "
                "withheld, and opening the model again did not help"
            )
        self._in_a_row, self._reloaded_at = 0, now
        self._reload()

    def _reload(self) -> None:
        try:
            network = self._reopen()
        except Exception as error:  # also of an engine: no memory, a lost GPU
            logger.error("model %s: cannot be opened again: %s", self._name, error)
            return
        if not self._is_same(network):
            logger.error(
                "model %s: its files were replaced by another model; start again to use that",
                self._name,
            )
            return
        self._network = network
        logger.warning(
            "model %s: opened again after %d failures in a row", self._name, FAILURES_BEFORE_RELOAD
        )

    def _is_same(self, network: Network) -> bool:
        same = all(
            getattr(network, name) == getattr(self, name)
            for name in ("labels", "features", "framing", "remembers_statistics")
        )
        return same and np.array_equal(network.prior_statistics, self.prior_statistics)
