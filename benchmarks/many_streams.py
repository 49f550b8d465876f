"""The number of streams that one machine can serve: whole windows in batches, by device.

    python benchmarks/many_streams.py [--model NAME|DIR] [--devices cpu cuda] [--rounds N]

Each stream needs one whole window per hop, and nothing is kept between windows, as on a server for
many robots. A robot's own stream costs less, see per_hop.py. Features are computed beforehand.
Prints, for each device and batch size, the median milliseconds of a batch and the number of streams
that this serves.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from ser_stream.models.checkpoint import load_model
from ser_stream.units import SAMPLE_RATE_HZ

BATCHES = (1, 16, 256, 1024)


def milliseconds(model, batch: int, rounds: int, device: torch.device) -> float:
    """Return the median time of a batch, including copies to the device and back."""
    frames = torch.randn(batch, model.window_frames, model.features.n_mels) * 15 - 40
    lengths = torch.full((batch,), model.window_frames)
    times = []
    with torch.inference_mode():
        for _ in range(rounds + 3):
            before = time.perf_counter()
            model(frames.to(device), lengths.to(device)).cpu()
            times.append(1e3 * (time.perf_counter() - before))
    return statistics.median(times[3:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--devices", nargs="+", default=["cpu"])
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.devices:
        device = torch.device(name)
        model, _ = load_model(arguments.model, name)
        hop_s = model.hop_frames * model.features.hop_length / SAMPLE_RATE_HZ
        title = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
        for batch in BATCHES if device.type == "cuda" else BATCHES[:2]:
            taken = milliseconds(model, batch, arguments.rounds, device)
            streams = int(batch * 1e3 * hop_s / taken)
            print(f"{title}: batch {batch}: {taken:.1f} ms, {streams} streams")


if __name__ == "__main__":
    main()
