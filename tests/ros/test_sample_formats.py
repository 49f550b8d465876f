"""Samples of every format that GStreamer names."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ser_stream.ros.sample_formats import SAMPLE_FORMATS, decode_samples

SAMPLES = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.123, -0.987])


def encode(value, name):
    """One sample in a format, by its name alone: S24_32BE is 24 bits, in 32, highest byte first."""
    kind, order = name[0], ">" if name.endswith("BE") else "<"
    bits, _, container = name[1:].removesuffix("LE").removesuffix("BE").partition("_")
    if kind == "F":
        return struct.pack(order + {"32": "f", "64": "d"}[bits], value)
    number = round(value * 2 ** (int(bits) - 1))
    number += 2 ** (int(bits) - 1) if kind == "U" else 0
    size = int(container or bits) // 8
    big = order == ">"
    return number.to_bytes(size, "big" if big else "little", signed=kind == "S")


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_every_format_gives_the_same_samples(name):
    data = b"".join(encode(value, name) for value in SAMPLES)
    samples = decode_samples(data, name)
    assert samples.dtype == np.float32
    bits = int(name[1:].removesuffix("LE").removesuffix("BE").partition("_")[0])
    tolerance = 1e-7 if name.startswith("F") else 0.51 / 2 ** (bits - 1) + 1e-7
    np.testing.assert_allclose(samples, SAMPLES, rtol=0, atol=tolerance)
    assert len(data) == len(SAMPLES) * SAMPLE_FORMATS[name].bytes_per_sample


def test_bits_outside_the_value_do_not_matter():
    """ALSA leaves the highest byte of S24_LE, GStreamer's S24_32LE, undefined."""
    clean = bytes([1, 2, 3, 0]) + bytes([1, 2, 0x83, 0xFF])
    dirty = bytes([1, 2, 3, 0xA5]) + bytes([1, 2, 0x83, 0x5A])
    expected = np.array([0x030201, 0x830201 - 2**24]) / 2**23
    for data in (clean, dirty):
        np.testing.assert_allclose(decode_samples(data, "S24_32LE"), expected, rtol=1e-7)
