"""Where estimates and words go: the terminal, JSON Lines, transcripts."""
