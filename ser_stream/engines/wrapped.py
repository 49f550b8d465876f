"""Networks that hold another network and change one of its methods."""

from __future__ import annotations

from ser_stream.engines.base import Array, Network, Outputs, State
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.models.framing import Framing


class WrappedNetwork:
    """A network that another one runs; see `ser_stream.engines.base.Network`.

    Args:
        network: has the attributes and answers the calls that a subclass does not.
    """

    def __init__(self, network: Network):
        self.engine: str = network.engine
        self.labels: tuple[str, ...] = network.labels
        self.features: StreamingFeatureConfig = network.features
        self.framing: Framing = network.framing
        self.has_speaker_memory: bool = network.has_speaker_memory
        self.remembers_statistics: bool = network.remembers_statistics
        self.prior_statistics: Array = network.prior_statistics
        self._network = network

    def initial_state(self, batch: int) -> State:
        """See the protocol."""
        return self._network.initial_state(batch)

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """See the protocol."""
        return self._network.encode(frames, state)

    def score(self, steps: Array, offset: Array | None) -> Outputs:
        """See the protocol."""
        return self._network.score(steps, offset)
