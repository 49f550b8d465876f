"""Damaged, cut and appended recordings in every command that reads them: nothing is lost unsaid.

The kinds of damage are tested one by one in tests/audio/containers.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command import run
from corpus_files import text
from paths import ROOT, SPOKEN
from ser_stream.cli import main
from sound_files import encoded

RATE_HZ = 16_000
CASES = ROOT.parent / "shared" / "cases"


@pytest.fixture(scope="module")
def demo():
    """Two recordings of one turn and of two, (n,) each."""
    names = ("2-happy.flac", "3-sad.flac")
    return [soundfile.read(SPOKEN / name, dtype="float32")[0] for name in names]


@pytest.fixture(params=["ogg", "opus"])
def chained(request, demo, tmp_path) -> Path:
    path = tmp_path / f"chained.{request.param}"
    path.write_bytes(b"".join(encoded(samples, RATE_HZ, request.param) for samples in demo))
    return path


def called(capsys, *arguments):
    """Exit code, estimates or other lines, and stderr of a command that runs here."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def errors(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("ser-stream: error: ")]


def turn_ends(lines: list[str]) -> list[float]:
    found = map(json.loads, lines)
    return [estimate["end_s"] for estimate in found if estimate["trigger"] == "utterance"]


def test_all_links_of_a_chained_file_are_heard(chained, demo, capsys):
    code, lines, err = called(capsys, "listen", "--input", chained, "--json")
    assert (code, errors(err)) == (0, [])
    ends = turn_ends(lines)
    assert len(ends) == 3
    assert ends[0] < len(demo[0]) / RATE_HZ < ends[1] < ends[2]
    total_s = sum(map(len, demo)) / RATE_HZ
    assert f"heard {total_s:.1f} s: " in err


def test_a_wav_file_with_the_length_of_a_placeholder_is_heard(demo, tmp_path, capsys):
    content = encoded(demo[0], RATE_HZ, "wav")
    path = tmp_path / "size2g.wav"
    lengths = struct.pack("<I", 2_000_000_036), struct.pack("<I", 2_000_000_000)
    path.write_bytes(content[:4] + lengths[0] + content[8:40] + lengths[1] + content[44:])
    code, lines, err = called(capsys, "listen", "--input", path, "--json")
    assert (code, errors(err)) == (0, [])
    assert len(turn_ends(lines)) == 1


@pytest.mark.parametrize("realtime", [[], ["--realtime"]])
def test_the_turn_before_the_damage_is_scored(demo, tmp_path, capsys, realtime):
    """Also where it has not ended when the file breaks off."""
    path = tmp_path / "cut.wav"
    spoken = demo[0][: round(2.5 * RATE_HZ)]
    path.write_bytes(encoded(demo[0], RATE_HZ, "wav")[: 44 + 2 * len(spoken)])
    code, lines, err = called(capsys, "listen", "--input", path, "--json", *realtime)
    assert code == 2
    assert errors(err) == [
        f"ser-stream: error: {path}: breaks off after 2.50 s of {len(demo[0]) / RATE_HZ:.2f} s "
        "(the file is cut off)"
    ]
    assert len(turn_ends(lines)) == 1


def test_bad_files_affect_no_others(demo, tmp_path):
    """In a process of its own, whose standard error has a line for each bad file and no more."""
    good = [tmp_path / "first.wav", tmp_path / "last.ogg"]
    for path in good:
        path.write_bytes(encoded(demo[0], RATE_HZ, path.suffix[1:]))
    bad = [tmp_path / name for name in ("none.wav", "empty.wav", "noise.mp3", "cut.mp3", "a.gz")]
    bad[1].touch()
    bad[2].write_bytes(np.random.default_rng(0).bytes(20_000))
    bad[3].write_bytes(encoded(demo[0], RATE_HZ, "mp3")[:12_345])
    bad[4].write_bytes(b"\x1f\x8b\x08" + bytes(100))
    code, out, err = run("listen", "--input", good[0], *bad, good[1], "--json")
    assert code == 2
    heard = [json.loads(line) for line in out.splitlines()]
    whole = [e["source"] for e in heard if e["trigger"] == "utterance" and e["end_s"] > 3]
    assert whole == [str(path) for path in good]
    assert len(errors(err)) == len(bad)
    for path in bad:
        assert sum(str(path) in line for line in errors(err)) == 1
    others = [line for line in err.splitlines() if line not in errors(err)]
    assert len(others) == 2  # the model's licence, and the closing line


def test_a_damaged_recording_is_transcribed_as_far_as_it_can_be_read(demo, tmp_path, capsys):
    path = tmp_path / "cut.wav"
    path.write_bytes(encoded(demo[1], RATE_HZ, "wav")[: -5 * RATE_HZ])
    code, lines, err = called(capsys, "transcribe", path, "--grammar", "demo")
    assert code == 2
    assert json.loads(lines[0])["words"]
    assert len(errors(err)) == 1
    assert "breaks off after" in errors(err)[0]


@pytest.fixture
def damaged_corpus(corpora, tmp_path):
    """A corpus of 16 recordings of which two are damaged, and these two."""
    shutil.copytree(corpora, tmp_path / "corpora")
    files = sorted((tmp_path / "corpora").rglob("*.flac"))
    bad = [files[2], files[9]]
    bad[0].write_bytes(bad[0].read_bytes()[:-4_000])
    bad[1].write_bytes(b"RIFF")
    return tmp_path / "corpora", bad


def test_evaluation_names_damaged_recordings_and_scores_the_others(
    damaged_corpus, tiny_model, tmp_path, capsys
):
    corpora, bad = damaged_corpus
    names = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
    rows = [f"{path},{names[path.stem.split('-')[2]]}" for path in sorted(corpora.rglob("*.flac"))]
    table = text(tmp_path / "clips.csv", "\n".join(["path,label", *rows]) + "\n")
    code, lines, err = called(capsys, "evaluate", tiny_model, table, "--json")
    assert code == 2
    assert json.loads(lines[0])["corpora"]["own"]["utterance"]["n"] == 14
    for path in bad:
        assert sum(str(path) in line for line in err.splitlines()) == 1


def test_training_names_all_damaged_recordings_and_trains_nothing(
    damaged_corpus, recipe_path, tmp_path, capsys
):
    corpora, bad = damaged_corpus
    options = ["--corpora", corpora, "--runs", tmp_path / "runs"]
    code, _, err = called(capsys, "train", recipe_path, *options)
    assert code == 2
    (line,) = errors(err)
    assert "2 of " in line
    assert all(str(path) in line for path in bad)
    assert not list((tmp_path / "runs").rglob("model.safetensors"))


def test_training_goes_on_without_damaged_recordings_where_that_is_asked_for(
    damaged_corpus, recipe_path, tmp_path, capsys
):
    corpora, bad = damaged_corpus
    output = tmp_path / "run"
    options = ["--corpora", corpora, "--runs", tmp_path, "--output", output, "--skip-bad"]
    code, _, err = called(capsys, "train", recipe_path, *options)
    assert code == 0
    (line,) = [line for line in err.splitlines() if line.startswith("left out: 2 of 16 ")]
    assert all(str(path) in line for path in bad)
    record = json.loads((output / "run.json").read_text())
    assert [message.partition(": ")[0] for message in record["skipped"]] == list(map(str, bad))
    assert sum(record["utterances"].values()) == 14
    assert (output / "model" / "model.safetensors").is_file()


def test_evaluation_of_damaged_recordings_succeeds_where_they_may_be_left_out(
    damaged_corpus, tiny_model, tmp_path, capsys
):
    _, bad = damaged_corpus
    rows = ["path,label", *(f"{path},sad" for path in bad), f"{SPOKEN / '3-sad.flac'},sad"]
    table = text(tmp_path / "clips.csv", "\n".join(rows) + "\n")
    code, lines, err = called(capsys, "evaluate", tiny_model, table, "--json", "--skip-bad")
    assert code == 0
    report = json.loads(lines[0])
    assert report["corpora"]["own"]["utterance"]["n"] == 1
    assert len(report["unreadable"]) == 2
    assert "2 clips were not scored, since they cannot be read" in err


@pytest.mark.parametrize("skip", [True, False])
def test_fine_tuning_names_all_clips_that_cannot_be_read(
    damaged_corpus, tiny_model, tmp_path, capsys, skip
):
    _, bad = damaged_corpus
    rows = [f"{path},sad" for path in bad] + ["missing.wav,sad"] * skip
    table = text(tmp_path / "clips.csv", "\n".join(["path,label", *rows]) + "\n")
    options = ["--skip-bad"] * skip
    arguments = ["--model", tiny_model, "--output", tmp_path / "mine", *options]
    code, _, err = called(capsys, "train", table, *arguments)
    assert code == 2  # also where all are left out
    (line,) = errors(err)
    assert "2 of 2 recordings" in line and all(str(path) in line for path in bad)


def test_samples_that_are_no_numbers_are_counted(demo, tmp_path, capsys):
    samples = demo[0].copy()
    samples[40_000:40_100] = np.nan
    samples[41_000] = np.inf
    path = tmp_path / "nan.wav"
    path.write_bytes(encoded(samples, RATE_HZ, "wav", "FLOAT"))
    code, lines, err = called(capsys, "listen", "--input", path, "--json")
    assert (code, len(turn_ends(lines))) == (0, 1)
    assert "101 samples replaced by silence" in err


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no folder {CASES}")
@pytest.mark.parametrize(("name", "seconds"), [("cat.opus", 18.0), ("size2g.wav", 9.0)])
def test_recordings_that_users_sent_are_read_whole(name, seconds, capsys):
    code, _, err = called(capsys, "listen", "--input", CASES / name, "--json")
    assert (code, errors(err)) == (0, [])
    assert f"heard {seconds:.1f} s: " in err
