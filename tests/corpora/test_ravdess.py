from corpus_files import sound
from ser_stream.corpora import ravdess


def test_ravdess_names_are_decoded(tmp_path):
    sound(tmp_path / "Actor_02" / "03-01-06-02-01-02-02.wav")
    (utterance,) = ravdess.read(tmp_path)
    assert (utterance.label, utterance.intensity) == ("fear", "strong")
    assert (utterance.speaker, utterance.gender) == ("ravdess-02", "f")
    assert utterance.text == "Kids are talking by the door"
    assert utterance.key == "ravdess/03-01-06-02-01-02-02"
