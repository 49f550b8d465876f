"""A network for several scorers of the same windows, which encodes the same frames once."""

from __future__ import annotations

from ser_stream.engines.base import Array, Network, Outputs, State
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.models.framing import Framing


class EncodedOnce:
    """A network that remembers its last encoded frames; see `ser_stream.engines.base.Network`.

    Scorers with different speaker memories give a network that compares statistics the same frames,
    and its front end takes most of the time.

    Args:
        network: runs the front end and the head.
        n_known: number of calls whose results are kept, the newest.
    """

    def __init__(self, network: Network, n_known: int = 8):
        self._network = network
        self._n_known = n_known
        self._known: dict[tuple[bytes, ...], tuple[Array, State]] = {}
        self.engine: str = network.engine
        self.labels: tuple[str, ...] = network.labels
        self.features: StreamingFeatureConfig = network.features
        self.framing: Framing = network.framing
        self.has_speaker_memory: bool = network.has_speaker_memory
        self.remembers_statistics: bool = network.remembers_statistics
        self.prior_statistics: Array = network.prior_statistics

    def initial_state(self, batch: int) -> State:
        """See the protocol."""
        return self._network.initial_state(batch)

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """See the protocol. The arrays may be those of an earlier call; nothing may change them."""
        key = tuple(array.tobytes() for array in (frames, *state))
        if key not in self._known:
            if len(self._known) >= self._n_known:
                del self._known[next(iter(self._known))]
            self._known[key] = self._network.encode(frames, state)
        return self._known[key]

    def score(self, steps: Array, offset: Array | None) -> Outputs:
        """See the protocol."""
        return self._network.score(steps, offset)
