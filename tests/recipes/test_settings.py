from ser_stream.recipes.settings import overlay


def test_options_of_another_architecture_are_dropped():
    below = {"architecture": "ilt", "options": {"heads": 2}, "features": {"n_mels": 8}}
    assert overlay(below, {"options": {"layers": 1}})["options"] == {"heads": 2, "layers": 1}
    other = overlay(below, {"architecture": "moma", "features": {"n_fft": 512}})
    assert other["options"] == {} and other["features"] == {"n_mels": 8, "n_fft": 512}
