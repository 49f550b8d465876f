"""A network for several scorers of the same windows, which encodes the same frames once."""

from __future__ import annotations

from ser_stream.engines.base import Array, Network, State
from ser_stream.engines.wrapped import WrappedNetwork

KNOWN_CALLS = 8
"""Calls whose results are kept, the newest: more than one window takes."""


class EncodedOnce(WrappedNetwork):
    """A network that remembers its last encoded frames.

    Scorers with different speaker memories give a network that compares statistics the same frames,
    and its front end takes most of the time.

    Args:
        network: runs the front end and the head.
    """

    def __init__(self, network: Network):
        super().__init__(network)
        self._known: dict[tuple[bytes, ...], tuple[Array, State]] = {}

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """See the protocol. The arrays may be those of an earlier call; nothing may change them."""
        key = tuple(array.tobytes() for array in (frames, *state))
        if key not in self._known:
            if len(self._known) >= KNOWN_CALLS:
                del self._known[next(iter(self._known))]
            self._known[key] = self._network.encode(frames, state)
        return self._known[key]
