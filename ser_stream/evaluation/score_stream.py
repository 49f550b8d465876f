"""Recordings of one corpus, streamed and scored."""

from __future__ import annotations

from collections.abc import Sequence

from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.base import Network
from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import StreamedPredictions
from ser_stream.evaluation.report import Report
from ser_stream.evaluation.streamed import (
    IN_A_ROW,
    RecordingOf,
    recorded,
    stream_outputs_per_memory,
    with_speaker_memories,
)
from ser_stream.models.info import ModelInfo
from ser_stream.progress import progress


def score_stream(
    network: Network,
    info: ModelInfo,
    utterances: list[Utterance],
    in_a_row: bool = False,
    labels: Sequence[str] | None = None,
    unreadable: list[str] | None = None,
    recording_of: RecordingOf = recorded,
) -> Report:
    """Stream recordings and return the scores of their estimates, see `evaluation.report`.

    The arguments are those of `predict_stream`.

    Raises:
        InputError: a recording cannot be read, or none has an utterance estimate.
    """
    return report_of(
        predict_stream(network, info, utterances, in_a_row, labels, unreadable, recording_of)
    )


def predict_stream(
    network: Network,
    info: ModelInfo,
    utterances: list[Utterance],
    in_a_row: bool = False,
    labels: Sequence[str] | None = None,
    unreadable: list[str] | None = None,
    recording_of: RecordingOf = recorded,
) -> list[StreamedPredictions]:
    """Stream recordings and return their estimates alone and, with `in_a_row`, in a row.

    Args:
        in_a_row: also stream each speaker's recordings one after another, in a fixed random order,
            as a conversation that a network with a speaker memory remembers.
        labels: that are scored, the utterances' labels among them; None: the model's.
        unreadable: takes a message for each recording that cannot be read; None: that is an error.
        recording_of: returns what is streamed of an utterance.

    Raises:
        InputError: a recording cannot be read, or none can.
    """
    conditions = [StreamedPredictions(info, labels) for _ in range(1 + in_a_row)]
    recordings = with_speaker_memories(network, utterances, in_a_row)
    for utterance, memories in progress(
        recordings, f"scoring {utterances[0].corpus}", len(utterances)
    ):
        try:
            # All windows at once: of an unreadable recording, no estimate is scored.
            recording = recording_of(utterance)
            scored = list(stream_outputs_per_memory(network, info.smoothing, recording, memories))
        except InputError as error:
            if unreadable is None:
                raise
            unreadable.append(str(error))
            continue
        windows = [window for window, _ in scored]
        for number, predictions in enumerate(conditions):
            predictions.add(utterance, windows, [outputs[number] for _, outputs in scored])
    if unreadable and len(unreadable) >= len(utterances) and not conditions[0].n:
        raise InputError(
            f"none of the {len(utterances)} recordings can be read, the last one: {unreadable[-1]}"
        )
    return conditions


def report_of(conditions: Sequence[StreamedPredictions]) -> Report:
    """Return the scores of the estimates that `predict_stream` returns.

    Raises:
        InputError: no recording has an utterance estimate.
    """
    alone = conditions[0]
    report: Report = {UTTERANCE: alone.scores(UTTERANCE)}
    if alone.has(INTERVAL):
        report[INTERVAL] = alone.scores(INTERVAL)
    report["by_sex"] = alone.scores_by_sex()
    if len(conditions) > 1:
        report[IN_A_ROW] = conditions[1].scores(UTTERANCE)
    return report
