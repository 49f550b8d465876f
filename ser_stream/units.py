"""Types of numbers whose unit could be mistaken."""

Seconds = float
Decibels = float
Hertz = float

SAMPLE_RATE_HZ = 16_000
"""Sample rate of voice activity, features and models: all sound is resampled to it."""
