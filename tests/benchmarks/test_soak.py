"""A day with faults: the minutes that are kept, and the recovery by kind of fault."""

import json

from benchmarks.soak import summarise
from benchmarks.soak_faults import KINDS


def fault(kind, recovered_s):
    return {"kind": kind, "at_s": 60.0, "ended_s": 70.0, "recovered_s": recovered_s}


def test_recovery_is_counted_by_kind_and_what_never_recovered_is_not_hidden(tmp_path):
    none, lost, *_ = KINDS
    line = {"rss_mb": 90.0, "minute": 0, "cpu_s": 1.0, "estimates_ms": [2.0, 4.0], "threads": 2}
    line |= {"files": 5, "streams": 1, "faults": [fault(lost, 1.5), fault(lost, None)]}
    last = {**line, "minute": 59, "files": 6, "faults": [fault(lost, 2.5), fault(none, 1.0)]}
    path = tmp_path / "lines.jsonl"
    path.write_text(f"{json.dumps(line)}\n{json.dumps(last)}\n" + '{"rss_mb": 9')
    result = summarise(path)
    assert (result["hours"], result["estimates"], result["files"]) == (1.0, 4, [5, 6])
    assert result["kinds"] == {
        none: {"n": 1, "without": 0, "median_s": 1.0, "longest_s": 1.0},
        lost: {"n": 3, "without": 1, "median_s": 2.0, "longest_s": 2.5},
    }
