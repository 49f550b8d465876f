"""Formats of the samples in audio messages, by the names that GStreamer gives them.

`S24LE` is a signed integer of 24 bits in three bytes, the lowest first; `S24_32LE` is the same in
the low 24 bits of four bytes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class SampleFormat:
    """How one sample is stored.

    Attributes:
        dtype: numpy type of a stored sample; of packed ones, of the sample with a zero byte added.
        bits: of an integer's value; 0: a float with full scale 1.
        packed: three bytes hold a sample of 24 bits.
    """

    dtype: str
    bits: int = 0
    packed: bool = False

    @property
    def bytes_per_sample(self) -> int:
        """Bytes that a sample of one channel takes."""
        return 3 if self.packed else np.dtype(self.dtype).itemsize


SAMPLE_FORMATS = {
    "S8": SampleFormat("i1", 8),
    "U8": SampleFormat("u1", 8),
    "S16LE": SampleFormat("<i2", 16),
    "S16BE": SampleFormat(">i2", 16),
    "U16LE": SampleFormat("<u2", 16),
    "U16BE": SampleFormat(">u2", 16),
    "S24LE": SampleFormat("<i4", 24, packed=True),
    "S24BE": SampleFormat(">i4", 24, packed=True),
    "U24LE": SampleFormat("<u4", 24, packed=True),
    "U24BE": SampleFormat(">u4", 24, packed=True),
    "S24_32LE": SampleFormat("<i4", 24),
    "S24_32BE": SampleFormat(">i4", 24),
    "U24_32LE": SampleFormat("<u4", 24),
    "U24_32BE": SampleFormat(">u4", 24),
    "S32LE": SampleFormat("<i4", 32),
    "S32BE": SampleFormat(">i4", 32),
    "U32LE": SampleFormat("<u4", 32),
    "U32BE": SampleFormat(">u4", 32),
    "F32LE": SampleFormat("<f4"),
    "F32BE": SampleFormat(">f4"),
    "F64LE": SampleFormat("<f8"),
    "F64BE": SampleFormat(">f8"),
}
"""Name -> format. Unsigned formats are offset binary: half of the range is silence."""


def decode_samples(data: bytes, name: str) -> NDArray[np.float32]:
    """Return the samples (n,) in bytes of a format of `SAMPLE_FORMATS`, full scale +-1.

    The number of bytes must be a whole number of samples.
    """
    stored = SAMPLE_FORMATS[name]
    values = _unpacked(data, stored) if stored.packed else np.frombuffer(data, stored.dtype)
    return scaled(values, stored)


def scaled(values: NDArray, stored: SampleFormat) -> NDArray[np.float32]:
    """Return stored values as float32 with full scale +-1."""
    if not stored.bits:
        with np.errstate(over="ignore", invalid="ignore"):  # no sound; `bad_samples` counts it
            return values.astype(np.float32)
    container_bits = 8 * values.dtype.itemsize
    if stored.bits < container_bits and not stored.packed:
        # The bits above the value are undefined. Shifted out, they leave the value at the top.
        values = values.astype(values.dtype.newbyteorder("=")) << (container_bits - stored.bits)
    samples = values.astype(np.float32)
    if values.dtype.kind == "u":
        samples -= np.float32(2.0 ** (container_bits - 1))
    samples *= np.float32(2.0 ** (1 - container_bits))  # exact: a power of two
    return samples


def _unpacked(data: bytes, stored: SampleFormat) -> NDArray:
    """Return packed samples in four bytes each, of which the lowest is zero."""
    packed = np.frombuffer(data, np.uint8).reshape(-1, 3)
    padded = np.zeros((len(packed), 4), np.uint8)
    first = 1 if stored.dtype.startswith("<") else 0
    padded[:, first : first + 3] = packed
    return padded.view(stored.dtype)[:, 0]
