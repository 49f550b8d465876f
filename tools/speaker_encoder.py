"""Convert Resemblyzer's weights into ser_stream/weights/speaker-encoder/encoder.safetensors.

pip download --no-deps resemblyzer==0.1.4; unzip Resemblyzer-0.1.4-py3-none-any.whl
python tools/speaker_encoder.py resemblyzer/pretrained.pt
"""

from __future__ import annotations

import sys

import torch
from safetensors.torch import save

from ser_stream.files import write_bytes
from ser_stream.models.voice_lstm import PRETRAINED, SpeakerEncoder

HIDDEN, LAYERS, BANDS = 256, 3, 40


def main(path: str) -> None:
    """Convert the pickled weights at `path`."""
    weights = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    named = {}
    for name in SpeakerEncoder(BANDS, HIDDEN, LAYERS).state_dict():
        _, layer, kind = name.split(".")  # layers.1.weight_ih_l0
        named[name] = weights[f"lstm.{kind[:-1]}{layer}"].half()
    source = {"source": "Resemblyzer 0.1.4, Apache-2.0, see NOTICE"}
    write_bytes(PRETRAINED, save(named, source))


if __name__ == "__main__":
    main(*sys.argv[1:])
