"""Training curves as they are drawn."""

import numpy as np
import pytest

from figures import texts
from ser_stream.errors import InputError
from ser_stream.papers.experiment_plots import training_curves

RUN = [
    {"epoch": 1, "loss": 1.5, "validation_wa": 0.4, "validation_ua": 0.3},
    {"epoch": 2, "loss": 0.9, "validation_wa": 0.6, "validation_ua": 0.5},
]


def test_curves_show_the_recorded_values():
    loss, accuracy = training_curves({"seed 0": RUN}, "CAT").axes
    (line,) = loss.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 1.5], [2, 0.9]])
    wa, ua = accuracy.lines
    np.testing.assert_array_equal(wa.get_ydata(), [0.4, 0.6])
    np.testing.assert_array_equal(ua.get_ydata(), [0.3, 0.5])
    assert wa.get_linestyle() != ua.get_linestyle()
    assert texts(accuracy.get_legend().get_texts()) == ["WA", "UA"]


def test_runs_differ_by_colour_and_may_record_different_metrics():
    known = [{**record, "learning_rate": 1e-3, "validation_loss": 2.0} for record in RUN]
    figure = training_curves({"seed 0": RUN, "seed 1": known}, "CAT")
    loss, accuracy, rate = figure.axes
    assert len(loss.lines) == 3
    assert len({line.get_color() for line in accuracy.lines}) == 2
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), [1e-3, 1e-3])
    assert texts(figure.legends[0].get_texts()) == ["seed 0", "seed 1"]


def test_of_an_epoch_trained_twice_the_last_line_counts():
    figure = training_curves({"seed 0": [*RUN, {**RUN[1], "loss": 0.8}]}, "CAT")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [1.5, 0.8])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "found no run"),
        ({"seed 0": []}, "no epochs"),
        ({"seed 0": [{"epoch": 1}]}, "without loss"),
    ],
)
def test_incomplete_records_are_refused(runs, message):
    with pytest.raises(InputError, match=message):
        training_curves(runs, "CAT")
