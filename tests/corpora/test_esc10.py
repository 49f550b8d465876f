from corpus_files import sound
from ser_stream.corpora import esc10


def test_esc10_returns_the_requested_folds_without_human_voices(tmp_path):
    for name in ("rain/1-17367-A.wav", "rain/5-17367-A.wav", "baby_cry/1-22694-A.wav"):
        sound(tmp_path / name)
    assert [path.name for path in esc10.noise_files(tmp_path, (1, 2))] == ["1-17367-A.wav"]
