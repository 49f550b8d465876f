"""The page of a session."""

import base64
import io
import json
import re
import stat

import numpy as np
import pytest
import soundfile

from axe import check_page, require_axe
from browser import browser
from ser_stream.cli import main
from sessions import SOURCE, write_whole_session


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder, _ = write_whole_session(tmp_path_factory.mktemp("session"))
    assert main(["review", str(folder)]) == 0
    return folder / "review.html"


@pytest.fixture(scope="module")
def data(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>',
                      page.read_text(), re.DOTALL)  # fmt: skip
    return json.loads(found[1])


def test_the_page_holds_what_was_recorded(data):
    (part,) = data["parts"]
    assert part["name"] == SOURCE["name"]  # a name that would end the script
    assert [turn["expression"] for turn in part["turns"]] == ["happy", ""]
    assert part["turns"][1]["reason"] == "short"
    assert [word["text"] for word in part["words"]] == ["he", "<is>"]
    assert part["audio_start_s"] == pytest.approx(0.1)
    assert data["complete"] is True


def test_the_sound_can_be_played(data):
    kind, content = data["parts"][0]["audio"].split(",")
    assert kind == "data:audio/flac;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
    assert (len(samples), rate) == (48_000, 16_000)


def test_waveform_and_spectrogram_are_those_of_the_sound(data):
    part = data["parts"][0]
    peaks = np.frombuffer(base64.b64decode(part["peaks"]), np.int8).reshape(-1, 2)
    assert len(peaks) * data["peak_s"] == pytest.approx(3.0)
    assert np.all(np.abs(peaks - [-63.5, 63.5]) <= 1)
    frames = np.frombuffer(base64.b64decode(part["spectrogram"]), np.uint8)
    frames = frames.reshape(-1, data["bands"])
    assert len(frames) * data["frame_s"] == pytest.approx(3.0, abs=0.1)
    # Bands are equally spaced on the mel scale (Slaney) from 50 Hz: 1 kHz is 15 mel of 45.2.
    assert np.all(abs(frames.argmax(axis=1) - 48 * (15 - 0.75) / (45.25 - 0.75)) <= 1.5)


def test_the_page_needs_nothing_from_elsewhere_and_is_private(page):
    text = page.read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", text)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_session_without_sound_has_a_page(tmp_path, capsys):
    folder, _ = write_whole_session(tmp_path / "s")
    events = [line for line in (folder / "events.jsonl").read_text().splitlines(True)
              if '"audio-1.flac"' not in line]  # fmt: skip
    (folder / "events.jsonl").write_text("".join(events))
    assert main(["review", str(folder), "--output", str(tmp_path / "page.html")]) == 0
    assert '"audio": ""' in (tmp_path / "page.html").read_text()


def test_sound_that_is_missing_is_one_line(tmp_path, capsys):
    folder, _ = write_whole_session(tmp_path / "s")
    (folder / "audio-1.flac").unlink()
    assert main(["review", str(folder)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "audio-1.flac" in line


def test_axe_finds_nothing_on_the_page(page):
    require_axe()
    with browser() as driver:
        driver.get(page.as_uri())
        check_page(driver)
        problems = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert problems == []
