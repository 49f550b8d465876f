"""Growth of memory, and hours of a long stream."""

import json

from benchmarks.long import growth_per_hour, summarise


def test_growth_is_the_slope_after_the_warm_up():
    warm_up = [50.0 + minute for minute in range(30)]  # counts for nothing
    steady = [100.0 + 0.05 * minute for minute in range(120)]
    assert growth_per_hour(warm_up + steady) == 3.0


def test_a_stream_that_was_stopped_has_the_minutes_before(tmp_path):
    lines = [{"rss_mb": 90.0, "cpu_s": 0.6, "estimates_ms": [2.0, 4.0]}] * 61
    lines.append({"rss_mb": 91.0, "cpu_s": 0.3, "estimates_ms": []})
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"rss_mb": 9')
    result = summarise(path, "onnx")
    assert result["minutes"] == 62
    assert [hour["rss_mb"] for hour in result["hours"]] == [90.0, 91.0]
    assert [hour["n"] for hour in result["hours"]] == [120, 2]
    assert result["hours"][1]["share_of_core"] == 0.0075
    assert result["p99_ms"][-1] is None
