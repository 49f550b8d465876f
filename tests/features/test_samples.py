import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.features.samples import SampleConfig


@given(st.integers(1, 400), st.lists(st.integers(0, 2000), max_size=8))
def test_blocks_are_the_signal_cut_into_frames_whatever_the_chunks(hop_length, sizes):
    config = SampleConfig(hop_length)
    signal = np.random.default_rng(0).normal(size=sum(sizes)).astype(np.float32)
    stream = config.stream()
    chunks = np.split(signal, np.cumsum(sizes)[:-1]) if sizes else []
    frames = [stream(chunk) for chunk in chunks]
    n_frames = sum(map(len, frames))
    assert n_frames == config.frames_in(len(signal)) == len(signal) // hop_length
    assert config.samples_for(n_frames) == n_frames * hop_length
    heard = np.concatenate([np.empty((0, hop_length), np.float32), *frames]).ravel()
    np.testing.assert_array_equal(heard, signal[: n_frames * hop_length])


def test_a_hop_length_below_one_sample_is_refused():
    assert SampleConfig().frame_s == 0.02
    with pytest.raises(ValueError, match="hop_length 0; accepted are 1 and up"):
        SampleConfig(0)
