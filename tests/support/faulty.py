"""A network that fails at chosen calls: damaged memory and drivers cannot be had on demand."""

from __future__ import annotations

import numpy as np

from ser_stream.engines.base import Outputs


class FaultyNetwork:
    """A real network, of which chosen answers become NaN.

    Args:
        network: answers all other calls.
        encodes, scores: whether the nth call, from 0, of `encode` and of `score` fails.
        rows: the rows of a batch of two that fail, and none of a single call; None: all.
    """

    def __init__(self, network, encodes=lambda n: False, scores=lambda n: False, rows=None):
        self._network = network
        self._encodes, self._scores = encodes, scores
        self._rows = rows
        self.n_encodes = self.n_scores = 0

    def __getattr__(self, name):
        return getattr(self._network, name)

    def encode(self, frames, state):
        steps, after = self._network.encode(frames, state)
        if self._encodes(self.n_encodes):
            steps, after = self._failed(steps), tuple(map(self._failed, after))
        self.n_encodes += 1
        return steps, after

    def score(self, steps, offset):
        outputs = self._network.score(steps, offset)
        if self._scores(self.n_scores):
            outputs = Outputs(*(None if each is None else self._failed(each) for each in outputs))
        self.n_scores += 1
        return outputs

    def _failed(self, array):
        array = array.copy()
        if self._rows is None:
            array[:] = np.nan
        elif len(array) > 1:
            array[self._rows] = np.nan
        return array
