"""Inference engines: ONNX Runtime, which needs no torch, and torch."""
