"""From samples to model input: log-mel in its offline and its streaming form."""
