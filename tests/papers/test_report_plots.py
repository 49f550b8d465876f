"""Bars of a table as they are drawn."""

import numpy as np
import pytest

from figures import texts
from ser_stream.errors import InputError
from ser_stream.papers.report_plots import ablation_bars


def test_bars_and_the_papers_figures_are_at_their_rows():
    figure = ablation_bars(
        ["CAN", "- L_align", "Yoon et al."],
        {"- L_align": (0.55, 0.02), "CAN": (0.57, 0.01)},
        {"CAN": 0.579, "- L_align": None, "Yoon et al.": 0.564},
        "WA",
        "Table 4",
    )
    axes = figure.axes[0]
    assert texts(axes.get_yticklabels()) == ["CAN", "- L_align", "Yoon et al."]

    def rows(heights):
        return [round(height) for height in heights]

    assert [bar.get_width() for bar in axes.patches] == [0.55, 0.57]
    assert rows(bar.get_y() + bar.get_height() / 2 for bar in axes.patches) == [1, 0]
    (errors,) = axes.collections
    np.testing.assert_allclose(
        [segment[:, 0] for segment in errors.get_segments()], [[0.53, 0.57], [0.56, 0.58]]
    )
    (paper,) = (line for line in axes.lines if line.get_label() == "paper")
    np.testing.assert_array_equal(paper.get_xdata(), [0.579, 0.564])
    assert rows(paper.get_ydata()) == [0, 2]
    assert texts(axes.texts) == ["57.0 ± 1.0\npaper 57.9", "55.0 ± 2.0", "paper 56.4"]


@pytest.mark.parametrize(
    ("ours", "paper", "message"),
    [
        ({"ILT": (0.5, 0.0)}, {}, r"found \['ILT'\]; accepted are the rows \['CAN'\]"),
        ({"CAN": (57.0, 1.0)}, {}, r"found 57.0; accepted are shares in \[0, 1\]"),
        ({}, {"CAN": float("nan")}, "found nan"),
        ({}, {"CAN": None}, "found no value"),
    ],
)
def test_wrong_figures_are_refused(ours, paper, message):
    with pytest.raises(InputError, match=message):
        ablation_bars(["CAN"], ours, paper, "WA", "Table 4")
