import io

from rich.console import Console

from estimates import estimate
from ser_stream.outputs.intended import IntendedTable


def printed(table):
    console = Console(file=io.StringIO(), width=80)
    table.print(console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_each_turn_is_shown_and_a_recording_agrees_where_all_do():
    table = IntendedTable({"one": "happy", "two": "sad", "three": "happy"})
    table.on_source("one")
    table.on_estimate(estimate(expression="sad"))  # of a window
    table.on_estimate(estimate(trigger="utterance"))
    table.on_source("two")
    for expression in ("sad", ""):
        scores = {"happy": 0.3, "sad": 0.4}
        table.on_estimate(
            estimate(trigger="utterance", expression=expression, scores=scores, confidence=0.4)
        )
    table.on_source("three")  # stopped before its turn has ended
    table.on_estimate(estimate())
    assert printed(table) == [
        "intended   recognised",
        "happy      happy 61%",
        "sad        sad 40%, (sad?) 40%",
        "1 of 2 recordings as intended.",
    ]


def test_where_no_turn_has_ended_nothing_is_printed():
    table = IntendedTable({"one": "happy"})
    table.on_source("one")
    assert printed(table) == []
