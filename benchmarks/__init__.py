"""Measurements of speed, latency, memory and size: `make bench` writes docs/performance.md."""
