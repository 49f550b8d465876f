"""Names for numbers whose unit could be mistaken."""

Seconds = float
Decibels = float
Hertz = float

SAMPLE_RATE_HZ = 16_000
"""Sample rate of everything behind the audio sources: voice activity, features, models."""
