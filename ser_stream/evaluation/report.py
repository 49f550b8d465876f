"""Keys of evaluation reports: `ser-stream evaluate --json`, and `results` in model.json.

A report has one object per model. Shares are between 0 and 1 and rounded to four digits.

===================  ===============================================================================
report
===================  ===============================================================================
model                name of the model
recipe, part         recipe and its part ("validation", "test"), if held-out speakers were scored
clips                path of the table, if own clips were scored
scored_labels        labels that were scored, if they are not the model's own
left_out             one message for each clip that was left out for its label, if any
unreadable           one message for each clip that could not be read, if any
corpora              corpus -> its scores, below; own clips are the corpus "own"
===================  ===============================================================================

===================  ===============================================================================
scores of a corpus
===================  ===============================================================================
title, speakers      name of the corpus or table; its speakers
utterance            one estimate per recording: that of its longest turn
interval             every interval estimate; absent if no recording has one
in a row             utterance estimates where each speaker's recordings follow one another, as in a
                     conversation; only of a model with a speaker memory
by_sex               "f", "m" -> n, wa, ua of the utterance estimates
===================  ===============================================================================

===================  ===============================================================================
scores of estimates
===================  ===============================================================================
n                    number of estimates; recordings without detected speech are included
wa, ua               weighted and unweighted accuracy
wa_ci95, ua_ci95     [low, high], 95 % confidence intervals: Wilson, and stratified bootstrap over
                     recordings; not of interval estimates, which depend on one another
macro_f1             mean F1 over the labels that occur
weighted_f1          mean F1 weighted by the counts of the labels
labels, confusion    counts; row = true label, column = predicted label
no_speech            per label, recordings in which no speech was found; they count as wrong
calibration_error    expected calibration error, see `evaluation.confidence`
answered             share of the estimates whose confidence reaches the model's floor
wa_answered          weighted accuracy of these; null if there are none
coverage             for each confidence floor: floor, answered (share), wa (of these)
reliability          for each bin of as many answers: mean confidence, accuracy, n
histogram            number of answers in each of 20 bins of confidence of equal width
===================  ===============================================================================

Calibration error, answered, wa_answered, coverage, reliability and histogram refer to the
recordings that have an estimate; recordings in which no speech was found are left out.
"""

from __future__ import annotations

from typing import Any

Report = dict[str, Any]
"""Report of one model, or the scores of one corpus."""

EstimateScores = dict[str, Any]
"""Scores of estimates."""
