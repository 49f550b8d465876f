"""When scoring is said to fall behind."""

from ser_stream.stream.keeping_up import MAX_UNSCORED, RECENT, KeepingUp


def test_an_episode_is_said_at_its_beginning_and_at_its_end(caplog):
    caplog.set_level("INFO", "ser_stream")
    keeping_up = KeepingUp("robot1: inference", "buy a faster computer")
    for _ in range(MAX_UNSCORED):  # a moment in which the machine was busy
        keeping_up.note(scored=False)
    assert keeping_up.problem == ""
    for _ in range(3):
        keeping_up.note(scored=False)
        keeping_up.note(scored=True)
        assert keeping_up.problem == "falls behind: slower than sound; buy a faster computer"
    for _ in range(RECENT - 2):
        keeping_up.note(scored=True)
        assert keeping_up.problem
    for _ in range(5):
        keeping_up.note(scored=True)
        assert keeping_up.problem == ""
    assert caplog.messages == [
        "robot1: inference falls behind: slower than sound; buy a faster computer",
        "robot1: inference keeps up again",
    ]
