"""Networks that fail or hang: damaged memory, drivers and lost servers cannot be had on demand."""

from __future__ import annotations

import threading

import numpy as np

from ser_stream.engines.base import Outputs


class FaultyNetwork:
    """A real network, of which chosen answers become NaN, or whose engine then raises an error.

    Args:
        network: answers all other calls.
        encodes, scores: whether the nth call, from 0, of `encode` and of `score` fails.
        rows: the rows of a batch of two that fail, and none of a single call; None: all.
        error: raised instead of a NaN answer; with `rows`, at batches of two.
    """

    def __init__(
        self, network, encodes=lambda n: False, scores=lambda n: False, rows=None, error=None
    ):
        self._network = network
        self._error = error
        self._encodes, self._scores = encodes, scores
        self._rows = rows
        self.n_encodes = self.n_scores = 0

    def __getattr__(self, name):
        return getattr(self._network, name)

    def encode(self, frames, state):
        steps, after = self._network.encode(frames, state)
        self.n_encodes += 1
        if self._encodes(self.n_encodes - 1):
            steps, after = self._failed(steps), tuple(map(self._failed, after))
        return steps, after

    def score(self, steps, offset):
        outputs = self._network.score(steps, offset)
        self.n_scores += 1
        if self._scores(self.n_scores - 1):
            outputs = Outputs(*(None if each is None else self._failed(each) for each in outputs))
        return outputs

    def _failed(self, array):
        if self._error is not None and (self._rows is None or len(array) > 1):
            raise self._error
        array = array.copy()
        if self._rows is None:
            array[:] = np.nan
        elif len(array) > 1:
            array[self._rows] = np.nan
        return array


class HangingNetwork:
    """A real network whose `score` waits, from its nth call on, until the test lets it go on.

    It stands for a call of a driver, or of a server in a network, that never returns.

    Attributes:
        hangs: set while a call waits.
        go_on: set by the test.
    """

    def __init__(self, network, after):
        self._network = network
        self._after = after
        self._n_scores = 0
        self.hangs, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self._network, name)

    def score(self, steps, offset):
        self._n_scores += 1
        if self._n_scores > self._after:
            self.hangs.set()
            self.go_on.wait()
            self.hangs.clear()
        return self._network.score(steps, offset)
