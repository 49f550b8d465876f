"""Which of several shouts is named first."""

import numpy as np
import pytest

from short_turns import cell, loudest, main, repeated


def test_the_loudest_part_is_cut_out():
    samples = np.zeros(16_000, np.float32)
    samples[8_000:9_600] = 0.5
    part = loudest(samples, 0.1)
    assert len(part) == 1_600 and part.max() == 0.5 and part.min() >= 0
    assert part[0] == part[-1] == 0  # faded


def test_shouts_are_repeated_with_pauses():
    samples = repeated(np.ones(1_600, np.float32), pause_s=0.7, times=3)
    assert len(samples) == 2 * 16_000 + 3 * (1_600 + 11_200)
    assert samples.sum() == 3 * 1_600


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], "not heard"),
        (["", ""], "none of 2"),
        (["", "angry", "angry"], "2 angry (2 of 3)"),
    ],
)
def test_a_cell_says_which_shout_is_named_first(turns, expected):
    assert cell(turns) == expected


def test_a_file_that_is_missing_is_an_error_of_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.wav")]) == 2
    *licence, error = capsys.readouterr().err.splitlines()
    assert "none.wav" in error and len(licence) <= 1
