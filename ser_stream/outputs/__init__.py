"""Outputs for estimates and words: the terminal, JSON Lines, transcripts."""
