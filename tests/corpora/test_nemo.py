import pytest

from corpus_files import sound, text
from ser_stream.corpora import nemo
from ser_stream.errors import InputError

NEMO_COLUMNS = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


@pytest.mark.parametrize("folder", ["samples", "."])
def test_nemo_takes_labels_and_texts_from_its_table(tmp_path, folder):
    sound(tmp_path / folder / "WR0_surprised_64.wav")
    row = "WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki.\tucho\t WR0\tmale\t23\n"
    text(tmp_path / "data.tsv", NEMO_COLUMNS + row)
    (utterance,) = nemo.read(tmp_path)
    assert (utterance.label, utterance.speaker, utterance.gender) == ("surprise", "nemo-WR0", "m")
    assert (utterance.text, utterance.language) == ("Ucho wykrywa dźwięki.", "pl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file_id\temotion\n", r"data\.tsv: no column raw_text, speaker_id, gender; found file_id"),
        ("", r"data\.tsv: no column file_id.*found none"),
        (NEMO_COLUMNS + "A_anger_1.wav\tsmug\tTak.\ttak\tA\tmale\t23\n", r"line 2: .*'smug'"),
        (
            NEMO_COLUMNS + "A_anger_1.wav\tanger\n",
            r"line 2: nothing in column raw_text, speaker_id",
        ),
        (NEMO_COLUMNS + 2 * "A_anger_1.wav\tanger\t\t\tA\t\t\n", r"line 3: A_anger_1 is .* twice"),
        (
            NEMO_COLUMNS + "".join(f"A_anger_{n}.wav\tanger\t\t\tA\t\t\n" for n in range(1, 6)),
            r"missing: 4 \(A_anger_2, A_anger_3, A_anger_4, \.\.\.\); nEMO is read from",
        ),
        ("x" * 200_000, r"data\.tsv: not a table"),
    ],
)
def test_an_invalid_table_is_refused_with_the_reason(tmp_path, content, message):
    sound(tmp_path / "samples" / "A_anger_1.wav")
    text(tmp_path / "data.tsv", content)
    with pytest.raises(InputError, match=message):
        nemo.read(tmp_path)


def test_nemo_without_a_table_or_with_an_unlisted_file_is_refused(tmp_path):
    sound(tmp_path / "samples" / "X_anger_1.wav")
    with pytest.raises(InputError, match=r"no data\.tsv"):
        nemo.read(tmp_path)
    text(tmp_path / "data.tsv", NEMO_COLUMNS)
    with pytest.raises(InputError, match=r"X_anger_1\.wav: not listed"):
        nemo.read(tmp_path)
