"""Figures of a session."""

import pytest

pytest.importorskip("matplotlib")

from ser_stream.cli import main
from ser_stream.sessions.plots import figures
from ser_stream.sessions.read import read_session
from sessions import write_whole_session


def test_a_figure_has_sound_scores_affect_and_turns(tmp_path):
    folder, _ = write_whole_session(tmp_path)
    (figure,) = figures(read_session(folder))
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert labels == ["waveform", "log-mel band", "scores", "affect", "turns and words"]
    scores = figure.axes[2].patches
    assert [round(bar.get_height(), 3) for bar in scores] == [0.6, 0.4]
    texts = [text.get_text() for text in figure.axes[4].texts]
    assert "happy" in texts and "(happy?) too short" in texts and "he <is>" in texts


def test_png_and_pdf_are_written(tmp_path, capsys):
    folder, _ = write_whole_session(tmp_path / "s")
    png, pdf = tmp_path / "a.png", tmp_path / "new" / "a.pdf"
    assert main(["review", str(folder), "--png", str(png), "--pdf", str(pdf)]) == 0
    assert png.read_bytes()[:4] == b"\x89PNG" and pdf.read_bytes()[:4] == b"%PDF"
    assert capsys.readouterr().out.splitlines() == [str(folder / "review.html"), str(png), str(pdf)]
