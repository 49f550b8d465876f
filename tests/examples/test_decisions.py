import itertools

from ser_stream.examples.decisions import DialogueManager


def test_one_window_does_not_change_the_decision():
    manager = DialogueManager()
    received = ["neutral"] * 8 + ["angry"] + ["neutral"] * 2 + ["angry"] * 12
    actions = [manager.add(name, 0.8, 0.5 * i).action for i, name in enumerate(received)]
    assert set(actions[:12]) == {"continue"}
    assert actions[-1] == "give space"
    assert sum(a != b for a, b in itertools.pairwise(actions)) == 1


def test_a_whole_turn_has_more_weight_than_a_window():
    window, turn = DialogueManager(), DialogueManager()
    for manager in (window, turn):
        manager.add("happy", 0.9, 0.0)
    assert window.add("scared", 0.9, 0.5).action == "continue"
    decision = turn.add("scared", 0.9, 0.5, whole_turn=True)
    assert decision.action == "comfort"
    assert "scared" in decision.reason
