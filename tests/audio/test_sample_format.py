"""Arrays of every number format against the same samples as floats."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.sample_format import MAX_FLOAT, as_float32
from ser_stream.errors import InputError

RAMP = np.array([[-1.0], [-0.5], [0.0], [0.25], [0.5]], np.float32)
"""Values that every format represents exactly."""

SAME_SAMPLES = {
    "int8": [-128, -64, 0, 32, 64],
    "uint8": [0, 64, 128, 160, 192],
    "int16": [-32768, -16384, 0, 8192, 16384],
    "int32": [-(2**31), -(2**30), 0, 2**29, 2**30],
    "float16": [-1, -0.5, 0, 0.25, 0.5],
    "float32": [-1, -0.5, 0, 0.25, 0.5],
    "float64": [-1, -0.5, 0, 0.25, 0.5],
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", SAME_SAMPLES)
def test_samples_are_scaled_by_their_type_in_either_byte_order(name, order):
    samples = np.array(SAME_SAMPLES[name], np.dtype(name).newbyteorder(order))
    scaled = as_float32(samples)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, RAMP)


def test_a_list_of_floats_is_accepted():
    np.testing.assert_array_equal(as_float32(RAMP[:, 0].tolist()), RAMP)


def test_channels_are_columns():
    stereo = np.array([[16384, 0], [-16384, 8192]], np.int16)
    np.testing.assert_array_equal(as_float32(stereo), [[0.5, 0], [-0.5, 0.25]])


def test_float32_is_not_copied():
    assert np.shares_memory(as_float32(RAMP), RAMP)


@pytest.mark.parametrize("name", ["bool", "complex64", "int64", "uint16", "uint32", "U1", "object"])
def test_other_types_are_refused_by_name(name):
    with pytest.raises(InputError, match=r"found samples of type .*; accepted are int8, uint8"):
        as_float32(np.zeros(4, name))


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (5, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"found shape \(.*accepted are \(n,\) and"):
        as_float32(np.zeros(shape, np.float32))


@pytest.mark.parametrize("found", [None, "speech.wav", b"RIFF"])
def test_what_is_no_array_is_shown(found):
    with pytest.raises(InputError, match=r"found .*; accepted are arrays of numbers"):
        as_float32(found, "samples")


def test_lists_of_unequal_length_are_refused_in_one_line():
    with pytest.raises(InputError) as refused:
        as_float32([[0.0, 0.0], [0.0]])
    assert "\n" not in str(refused.value)


def test_no_samples_are_no_error():
    assert as_float32(np.zeros(0, np.int16)).shape == (0, 1)


def test_integers_in_a_float_array_are_refused_where_a_limit_is_asked_for():
    with pytest.raises(InputError, match=r"magnitude 300; full scale is 1: divide"):
        as_float32(np.array([0.0, -300.0]), max_float=MAX_FLOAT)
    loud = np.array([3.0, np.nan, np.inf])
    assert np.isfinite(as_float32(loud, max_float=MAX_FLOAT)).sum() == 1


def test_an_audio_block_converts_samples_of_any_type_to_float32():
    block = AudioBlock(np.array(SAME_SAMPLES["int16"], np.int16), 16_000, 0.0, 0.0)
    np.testing.assert_array_equal(block.samples, RAMP)
    with pytest.raises(InputError, match="audio block: found samples of type complex64"):
        AudioBlock(np.zeros(4, np.complex64), 16_000, 0.0, 0.0)
