"""Where estimates go: the terminal, JSON Lines."""
