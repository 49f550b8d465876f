"""Conversion of sample arrays in any common number format to float32 with full scale +-1."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_stream.errors import InputError, shown

MAX_FLOAT = 10.0
"""Magnitude from which float samples are refused: 20 dB above full scale, which no recording
reaches. Such arrays usually hold the integers of a 16-bit recording."""

CLIPPING_LEVEL = 0.999
"""Magnitude from which a sample counts as clipped (16-bit full scale is 0.99997)."""

MAX_MAGNITUDE = 1e6
"""Magnitude that no sound has (120 dB over full scale), and that would overflow later."""

_INTEGER_SCALES = {"int8": 2.0**7, "uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}
"""Name of an integer type -> its full scale. uint8 is offset binary: 128 is silence."""

_FLOAT32 = np.dtype(np.float32)
_FLOATS = ("float16", "float32", "float64")
_ACCEPTED = ", ".join([*_INTEGER_SCALES, *_FLOATS])


def as_float32(
    samples: ArrayLike, where: str = "samples", max_float: float = math.inf
) -> NDArray[np.float32]:
    """Return samples (n,) or (n, channels) as (n, channels) float32, scaled by their type.

    int8, int16 and int32 are divided by 2^7, 2^15 and 2^31; uint8 is offset binary (128 is
    silence); floats are taken as they are. Byte order does not matter.

    Args:
        where: what the error message calls the array.
        max_float: finite float samples of this magnitude and more are refused, see `MAX_FLOAT`.
            NaN and infinity are let through.

    Raises:
        InputError: the array has another type (bool, complex, text, int64...), another shape, or
            floats that are too large.
    """
    if (
        isinstance(samples, np.ndarray)
        and samples.dtype is _FLOAT32
        and samples.ndim == 2
        and samples.shape[1]
        and max_float == math.inf
    ):
        return samples  # usual: a block of samples that have been converted before
    try:
        array = np.asarray(samples)
    except ValueError as error:  # lists of unequal length
        raise InputError(f"{where}: not an array of numbers ({error})") from error
    if samples is None or isinstance(samples, str | bytes):
        raise InputError(f"{where}: found {shown(samples)}; accepted are arrays of numbers")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(
            f"{where}: found shape {np.shape(samples)}; accepted are (n,) and (n, channels)"
        )
    name = _type_name(array.dtype)
    if name in _INTEGER_SCALES:
        samples = array.astype(np.float32)
        if name == "uint8":
            samples -= np.float32(128)
        samples *= np.float32(1 / _INTEGER_SCALES[name])  # exact: a power of two
        return samples
    if name not in _FLOATS:
        raise InputError(f"{where}: found samples of type {name}; accepted are {_ACCEPTED}")
    _check_magnitude(array, where, max_float)
    return array.astype(np.float32, copy=False)


@lru_cache(maxsize=64)
def _type_name(dtype: np.dtype) -> str:
    """Return numpy's name of a type, whatever its byte order; numpy takes 10 us to make it."""
    return dtype.newbyteorder("=").name


def _check_magnitude(array: NDArray[np.floating], where: str, max_float: float) -> None:
    if math.isinf(max_float) or not array.size:
        return
    if max(array.max(), -array.min()) < max_float:  # False for NaN, too
        return
    magnitudes = np.abs(array)
    peak = float(np.max(magnitudes, where=np.isfinite(magnitudes), initial=0.0))
    if peak >= max_float:
        raise InputError(
            f"{where}: found a float sample of magnitude {peak:g}; full scale is 1: divide 16-bit "
            "values by 32768, or pass them as an array of int16"
        )
