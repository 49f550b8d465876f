"""Metrics of the service for Prometheus. Names of streams are not in them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ser_stream.serving.hub import Hub

CONTENT_TYPE = CONTENT_TYPE_LATEST

BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

_SUMS = {
    "sound_seconds": ("position_s", "seconds of sound analysed"),
    "sound_dropped_seconds": ("dropped_s", "seconds of sound dropped"),
    "windows": ("windows", "windows and turns scored"),
    "windows_skipped": ("skipped", "windows left out because a newer one was waiting"),
    "windows_failed": ("failed_windows", "windows without an answer of the network"),
    "turns_dropped": ("dropped_turns", "turns left out because newer ones were waiting"),
}
"""Name of a metric -> field of the status that it sums over all streams, and its description."""


class Metrics:
    """Answers what Prometheus asks for, from the state of a hub."""

    def __init__(self, hub: Hub):
        self._registry = CollectorRegistry()
        self._registry.register(_HubCollector(hub))
        latency = Histogram(
            "ser_stream_latency_seconds",
            "from the capture of the last sample to the interval estimate",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        hub.on_latency = latency.observe

    def text(self) -> bytes:
        """Return all metrics in Prometheus's format."""
        return generate_latest(self._registry)


class _HubCollector(Collector):
    """Reads the numbers of a hub when they are asked for."""

    def __init__(self, hub: Hub):
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        hub = self._hub
        yield GaugeMetricFamily("ser_stream_streams", "open streams", len(hub.streams))
        yield GaugeMetricFamily("ser_stream_viewers", "viewers", hub.viewers)
        yield CounterMetricFamily("ser_stream_streams_opened", "streams opened", hub.opened)
        yield CounterMetricFamily(
            "ser_stream_viewer_messages_dropped",
            "messages that slow viewers did not get; counted when they leave",
            hub.viewer_losses,
        )
        refused = CounterMetricFamily(
            "ser_stream_refused", "connections ended by the service", labels=["code"]
        )
        for code, number in hub.refusals.items():
            refused.add_metric([str(code)], number)
        yield refused
        estimates = CounterMetricFamily(
            "ser_stream_estimates", "estimates", labels=["trigger", "reason"]
        )
        for (trigger, reason), number in hub.estimates.items():
            estimates.add_metric([trigger, reason], number)
        yield estimates
        totals = hub.totals()
        for name, (field, description) in _SUMS.items():
            yield CounterMetricFamily(f"ser_stream_{name}", description, totals[field])
