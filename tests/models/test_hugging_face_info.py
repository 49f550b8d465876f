"""What a checkpoint's files say of it: transformers is not needed for that."""

import json

import pytest

from ser_stream.errors import InputError
from ser_stream.models.hugging_face_info import checkpoint_info
from ser_stream.models.info import read_info
from tiny_checkpoints import EMOTION2VEC, SUPERB

SEVEN = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")


def folder_of(path, names=SUPERB, card="", **config):
    """A checkpoint folder whose weights are not read."""
    path.mkdir(exist_ok=True)
    config = {"id2label": dict(enumerate(names)), **config}
    (path / "config.json").write_text(json.dumps(config))
    (path / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16_000}))
    (path / "model.safetensors").touch()
    if card:
        (path / "README.md").write_text(card)
    return path


def info_of(folder, **options):
    return checkpoint_info(folder, str(folder), **options)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (SUPERB, ("neutral", "happy", "sad", "angry")),
        (EMOTION2VEC, SEVEN),
        (("Angry", "CALM", "fearful", "boredom"), ("calm", "angry", "fear")),
        (("sadness", "joy", "happiness"), ("happy", "sad")),
    ],
)
def test_labels_are_the_emotions_that_the_outputs_name(tmp_path, names, labels):
    assert info_of(folder_of(tmp_path, names)).labels == labels


def test_a_description_is_read_as_it_was_written(tmp_path):
    info = info_of(folder_of(tmp_path, EMOTION2VEC), window_s=4.0, hop_s=0.26)
    info.write(tmp_path)
    assert read_info(tmp_path) == info
    assert info.options["window_frames"] * info.features.frame_s == 4.0
    assert info.options["hop_frames"] == 13
    assert info.options["emotions"]["other"] is None


def test_unknown_labels_are_all_named_and_can_be_mapped(tmp_path):
    folder = folder_of(tmp_path, ("LABEL_0", "LABEL_1", "sad"))
    with pytest.raises(InputError, match=r"labels LABEL_0, LABEL_1\. .*LABEL_0=EMOTION"):
        info_of(folder)
    info = info_of(folder, emotions={"LABEL_0": "fearful", "LABEL_1": "drop"})
    assert info.labels == ("sad", "fear")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotions": {"rage": "angry"}}, "found rage; model .* has neu, hap, ang, sad"),
        ({"emotions": {"neu": "smug"}}, "no emotion is known for its label neu"),
        (
            {"emotions": dict.fromkeys(SUPERB[1:], "drop")},
            "found 1 emotion among .*; accepted are two and more",
        ),
        ({"window_s": 11.0}, "window: found 11 s; accepted are 0.1 to 10"),
        ({"window_s": float("nan")}, "window: found nan s"),
        ({"hop_s": 6.0}, "hop: found 6 s; accepted are 0.1 to 5"),
    ],
)
def test_the_part_that_does_not_fit_is_named(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        info_of(folder_of(tmp_path), **options)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"id2label": {"1": "sad"}}, "id2label does not name the outputs"),
        ({"id2label": None}, "is it a classifier"),
        ({"problem_type": "regression"}, "found problem_type regression"),
        ({"problem_type": "multi_label_classification"}, "found problem_type multi_label"),
    ],
)
def test_a_checkpoint_without_emotion_labels_is_refused(tmp_path, config, message):
    with pytest.raises(InputError, match=rf"config\.json: .*{message}"):
        info_of(folder_of(tmp_path, **config))


def test_another_sample_rate_is_refused(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    with pytest.raises(InputError, match="found sampling_rate 8000; accepted is 16000"):
        info_of(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("{", "not JSON: Expecting"), ("[]", "found list")],
)
def test_a_missing_or_damaged_file_is_named(tmp_path, content, message):
    path = folder_of(tmp_path) / "preprocessor_config.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=rf"preprocessor_config\.json: {message}"):
        info_of(tmp_path)


CARD = "---\nlicense: cc-by-nc-4.0\ndatasets:\n- superb\n- iemocap\n---\n# A model\n"


def test_licence_and_data_are_those_of_the_model_card(tmp_path):
    data = info_of(folder_of(tmp_path, card=CARD)).training_data
    assert data.corpora == ("superb", "iemocap")
    assert "its card says cc-by-nc-4.0" in data.licence
    assert not data.commercial_use  # nobody knows: so it is said, once, at each start


@pytest.mark.parametrize("card", ["", "# A model\n", "---\n: [\n---\n", "---\n- list\n---\n"])
def test_a_licence_missing_from_the_card_is_unknown(tmp_path, card):
    data = info_of(folder_of(tmp_path, card=card)).training_data
    assert data.corpora == ()
    assert "its licence is not known here" in data.licence
