"""Each part of `make bench` runs, with tiny sizes, and the page shows what it found.

Figures of so short a run mean nothing, and none is checked.
"""

import json
import shutil
import subprocess
import sys

import pytest

from benchmarks.bench import LONG, PARTS
from benchmarks.report import PAGE
from paths import ROOT

pytestmark = [pytest.mark.dds, pytest.mark.huggingface, pytest.mark.microphone]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Run all parts; return the parts' results, the page, the figures' folder, and the outcome."""
    folder = tmp_path_factory.mktemp("bench")
    page = shutil.copy(PAGE, folder / "performance.md")
    command = [sys.executable, "-m", "benchmarks.bench", "--quick", "--only", *PARTS, LONG]
    command += ["--results", folder / "results", "--page", page, "--figures", folder / "figures"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    results = {
        path.stem: json.loads(path.read_text()) for path in (folder / "results").glob("*.json")
    }
    return results, page.read_text(), folder / "figures", done


def test_every_part_writes_its_result(bench):
    results, _, _, done = bench
    assert done.returncode == 0, done.stderr
    assert set(results) == {*PARTS, LONG}
    assert all(result["machine"]["cores"] and result["quick"] for result in results.values())


def test_no_part_but_those_that_lack_something_is_skipped(bench):
    reasons = {part: result["skipped"] for part, result in bench[0].items() if "skipped" in result}
    # These need a package index, and Chromium.
    assert reasons.keys() <= {"environment", "page_memory"}, reasons


def test_every_time_is_positive_and_ordered(bench):
    def summaries(value):
        if isinstance(value, dict):
            if "p50_ms" in value and "max_ms" in value:
                yield value
            for each in value.values():
                yield from summaries(each)
        elif isinstance(value, list):
            for each in value:
                yield from summaries(each)

    found = list(summaries(bench[0]))
    assert len(found) > 15
    assert all(0 < each["p50_ms"] <= each["p99_ms"] <= each["max_ms"] for each in found)


def test_a_subscriber_in_another_process_receives_every_estimate(bench):
    for each in bench[0]["latency"]["engines"].values():
        assert each["received"] == each["published"] > 0
        assert each["emotion/scores"]["p50_ms"] > each["estimate"]["p50_ms"]


def test_the_program_listens_before_its_first_estimate(bench):
    for each in bench[0]["listen"]["engines"].values():
        assert 0 < each["listening_s"] < each["first_estimate_s"] - 1.0
        assert 0 < each["pss_mb"] <= each["rss_mb"] <= each["peak_mb"]


def test_the_shares_of_a_profile_add_up(bench):
    for each in bench[0]["profiling"]["engines"].values():
        assert sum(each["shares"].values()) == pytest.approx(1.0, abs=0.01)
        assert all(share > 0 for share in each["shares"].values())


def test_the_page_shows_each_part(bench):
    _, page, figures, _ = bench
    assert "(not measured)" not in page
    for text in ("engine torch", "openSMILE", "wav2vec2-base's size", "GFLOP/s", "voice activity"):
        assert text in page
    assert {path.name for path in figures.iterdir()} == {"scaling.png", "ten_hours.png"}
