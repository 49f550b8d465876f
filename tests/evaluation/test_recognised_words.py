"""CAN scored on clips with the words of the real faster-whisper, whose weights are made up."""

import json

import pytest
import yaml

from pair_data import LABELS, VOCABULARY
from ser_stream.audio.speech import find_turns, read_samples
from ser_stream.cli import main
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model
from tiny_whisper import make_tiny_whisper

SAID = "Kids are talking by the door."
"""What RAVDESS says in the recordings of the miniature."""
TABLE = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"


@pytest.fixture(scope="module")
def data(corpora, tmp_path_factory):
    """A folder of corpora: the miniature of RAVDESS, and texts of MELD's layout."""
    root = tmp_path_factory.mktemp("data")
    (root / "ravdess").symlink_to(corpora / "ravdess")
    (root / "text" / "meld").mkdir(parents=True)
    for part in ("train", "dev", "test"):
        table = root / "text" / "meld" / f"{part}_sent_emo.csv"
        table.write_text(TABLE + "1,The kids are good.,Joey,joy,x,0,0\n")
    return root


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(yaml.safe_dump({
        "kind": "speech_text", "name": "pairs", "architecture": "can", "labels": list(LABELS),
        "corpora": ["ravdess"],
        "speakers": {"test": {"ravdess": [1]}, "validation": {"ravdess": [2]}},
        "mix": {"ravdess": 1.0}, "utterances_per_epoch": 8,
        "optimisation": {"epochs": 1, "batch_size": 4},
        "text_branch": "text-english", "texts": ["meld"], "max_error_rate": 0.3,
    }))  # fmt: skip
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of an untrained CAN."""
    config = SegmentConfig()
    options = {"vocabulary": list(VOCABULARY.words), "word_dimension": 4, "hidden": 4}
    folder = tmp_path_factory.mktemp("can")
    info = ModelInfo("can", "can", LABELS, config, (0.0,) * 40, (1.0,) * 40, options)
    save_model(folder, build_model("can", LABELS, config, options, BimodalModel), info)
    return folder


@pytest.fixture
def evaluate(model, recipe, data, tmp_path, capsys):
    """Runs the command with a recogniser that always hears the same sentence."""

    def run(heard, *options):
        whisper = make_tiny_whisper(tmp_path / heard.split()[0], heard)
        code = main([
            "evaluate", str(model), "--recipe", str(recipe), "--corpora", str(data),
            "--asr", "faster_whisper", "--asr-model", str(whisper), *options,
        ])  # fmt: skip
        return code, capsys.readouterr()

    return run


def n_turns(corpora):
    """The turns of the recordings of the test speaker; each is recognised on its own."""
    files = sorted((corpora / "ravdess" / "Actor_01").iterdir())
    return [len(find_turns(read_samples(path))) for path in files]


def test_words_heard_as_said_score_as_words_without_errors(evaluate):
    code, captured = evaluate(SAID, "--clips", "1", "--json")  # a recording of one turn
    assert code == 0
    report = json.loads(captured.out)
    assert report["word_error_rates"] == {"ravdess": 0.0}
    assert report["without_words"] == 0
    assert [*report["errors"]] == ["0%", "10%", "20%", "40%", "faster_whisper Kids"]
    assert report["errors"]["faster_whisper Kids"] == report["errors"]["0%"]
    assert report["errors"]["0%"]["ravdess"]["joint"]["n"] == 1


def test_wrong_words_are_counted_and_first_estimates_are_scored(evaluate, tiny_model, corpora):
    code, captured = evaluate("Dogs are sitting by the door.", "--first", str(tiny_model), "--json")
    assert code == 0
    report = json.loads(captured.out)
    turns = n_turns(corpora)
    expected = sum(2 + 6 * (n - 1) for n in turns) / (6 * len(turns))
    assert report["word_error_rates"]["ravdess"] == pytest.approx(expected)
    scores = report["errors"]["faster_whisper Dogs"]["ravdess"]
    assert {*scores} == {"joint", "text", "sound", "first", "live"}
    assert scores["first"] == report["errors"]["0%"]["ravdess"]["first"]  # words do not matter


def test_the_table_names_the_recogniser_and_a_number_of_clips_is_drawn(evaluate):
    code, captured = evaluate(SAID, "--clips", "2")
    assert code == 0
    assert "| test | faster_whisper Kids | ravdess | 2 |" in captured.out
    assert "wrong words of faster_whisper: ravdess" in captured.out


def test_options_that_do_not_fit_are_refused(model, recipe, data, capsys):
    where = ["evaluate", str(model), "--recipe", str(recipe), "--corpora", str(data)]
    for options, message in (
        (["--asr-model", "base"], "--asr-model: goes with --asr"),
        (["--asr", "faster_whisper", "--save"], "--save: does not go with --asr"),
        (["--clips", "3"], "--clips: goes with a recipe of sound and words only with --asr"),
        (["--asr", "pocketsphinx", "--asr-model", "base"], "pocketsphinx has only its own"),
    ):
        assert main([*where, *options]) == 2
        assert message in capsys.readouterr().err
