"""Readings of processes, and statistics."""

import os
import subprocess
import sys

import pytest

from benchmarks.measuring import SkippedError, cpu_s, latency_summary, load, memory_mb, save

HOLDS_100_MB = "held = bytearray(b'x' * 100_000_000); print('ready', flush=True); input()"


def test_memory_is_that_of_the_process():
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_100_MB], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        found = memory_mb(process.pid)
        process.communicate(b"\n")
    assert 100 < found["pss_mb"] <= found["rss_mb"] <= found["peak_mb"] < 250


def test_cpu_time_is_that_of_the_process():
    assert cpu_s(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=0.1)


def test_a_summary_has_median_and_99th_percentile():
    assert latency_summary(range(1, 102)) == {
        "n": 101, "p50_ms": 51.0, "p99_ms": 100.0, "max_ms": 101.0,
    }  # fmt: skip


def test_no_times_are_no_result():
    with pytest.raises(SkippedError, match="gave no estimate"):
        latency_summary([])


def test_a_result_is_read_as_it_was_written(tmp_path):
    save(tmp_path / "part.json", {"value": 1}, quick=True, took_s=2.0)
    assert load(tmp_path / "part.json")["value"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]
