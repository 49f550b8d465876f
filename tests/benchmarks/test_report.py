"""The page is written from the parts' JSON files."""

import json

import pytest

from benchmarks.report import BLOCKS, PAGE, replace_block, write_report

MACHINE = {
    "cpu": "a processor", "cores": 2, "memory_gb": 8.0, "system": "Linux", "python": "3.11.0",
    "versions": {"numpy": "2.0"}, "commit": "abc", "date": "2026-01-01",
}  # fmt: skip
FEATURES = {
    "machine": MACHINE,
    "contestants": {
        "ser_stream": {"n": 400, "p50_ms": 0.2, "p99_ms": 0.5, "max_ms": 1.0},
        "librosa": {"n": 400, "p50_ms": 3.0, "p99_ms": 4.0, "max_ms": 5.0},
    },
    "missing": {"openSMILE eGeMAPSv02": "not installed"},
}


@pytest.fixture
def page(tmp_path):
    return PAGE.read_text(encoding="utf-8"), tmp_path / "page.md", tmp_path / "results"


def _write(page, **results):
    content, path, folder = page
    path.write_text(content, encoding="utf-8")
    folder.mkdir()
    for part, result in results.items():
        (folder / f"{part}.json").write_text(json.dumps(result))
    write_report(folder, path, folder)
    return path.read_text(encoding="utf-8")


def test_a_result_becomes_a_table(page):
    written = _write(page, features=FEATURES)
    assert "| librosa: log-mel of the whole window | 3.00 | 4.00 | 400 | 15.0 |" in written
    assert "openSMILE eGeMAPSv02: not measured (not installed)." in written
    assert "| a processor, 2 cores, 8 GB | Linux, Python 3.11.0 | numpy 2.0 |" in written


def test_the_reason_stands_where_a_part_was_skipped(page):
    written = _write(page, streams={"machine": MACHINE, "skipped": "no such program"})
    assert "Not measured: no such program." in written
    assert "| at least 200 | not measured |  |" in written


def test_a_target_is_met_or_not(page):
    listen = {"listening_s": 0.4, "rss_mb": 312.0, "pss_mb": 300.0, "peak_mb": 320.0,
              "first_estimate_s": 2.0, "sound_before_it_s": 1.5, "share_of_core": 0.02,
              "source": "microphone"}  # fmt: skip
    written = _write(page, listen={"machine": MACHINE, "engines": {"onnx": listen}})
    assert "| its start to listening | at most 1 s | 0.400 s | yes |" in written
    assert "| memory of `ser-stream listen` (RSS) | below 150 MB | 312 MB | no |" in written


def test_the_default_model_has_a_column_of_its_own(page):
    listen = {"listening_s": 0.4, "rss_mb": 112.0, "pss_mb": 100.0, "peak_mb": 120.0,
              "first_estimate_s": 2.0, "sound_before_it_s": 1.5, "share_of_core": 0.02,
              "source": "microphone"}  # fmt: skip
    of_default = {"onnx": listen | {"rss_mb": 187.0}}
    result = {"machine": MACHINE, "engines": {"onnx": listen}, "default_engines": of_default}
    written = _write(page, listen=result)
    assert "| `ser-stream listen` | `small`, engine onnx | `default`, engine onnx |" in written
    assert "| resident memory (RSS), MB | 112 | 187 |" in written


def test_the_rest_of_the_page_stays_as_it_is(page):
    content = page[0]
    written = _write(page, features=FEATURES)
    for name in BLOCKS:
        content, written = (replace_block(text, name, "") for text in (content, written))
    assert written == content


def test_a_block_without_a_place_is_an_error():
    with pytest.raises(SystemExit, match="found 0 places for bounds"):
        replace_block("# Performance\n", "bounds", "")
