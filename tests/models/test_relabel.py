import torch

from ser_stream.models.checkpoint import load_model
from ser_stream.models.relabel import with_labels
from ser_stream.training.fine_tune import NEVER_CHOSEN


def test_added_labels_are_never_chosen_before_training(tiny_model):
    network, info = load_model(tiny_model)
    labels = (*network.labels, "calm")
    steps = torch.randn(3, 50, network.gru.input_size)
    for bias in (None, NEVER_CHOSEN):
        wider = with_labels(network, info, labels, bias)
        assert wider.labels == labels
        logits = wider.classify(steps)
        torch.testing.assert_close(logits[:, :-1], network.classify(steps))
        expected = network.classify(steps).mean(dim=1)
        if bias == NEVER_CHOSEN:
            assert torch.all(logits.argmax(dim=1) < len(labels) - 1)
        else:
            torch.testing.assert_close(logits[:, -1], expected)
