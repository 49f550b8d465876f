"""Names of the inference engines, as settings and options have them."""

from __future__ import annotations

AUTO, ONNX, ONNX_INT8, TORCH = "auto", "onnx", "onnx-int8", "torch"
ENGINES = (AUTO, ONNX, ONNX_INT8, TORCH)
