"""How good a model is: streamed scores, metrics, plots."""
