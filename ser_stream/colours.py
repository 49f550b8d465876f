"""Colours of emotions in figures and pages."""

from __future__ import annotations

COLOURS = {
    "neutral": "#000000", "calm": "#88CCEE", "happy": "#DDCC77", "excited": "#999933",
    "sad": "#332288", "angry": "#CC6677", "frustrated": "#882255", "fear": "#AA4499",
    "disgust": "#117733", "surprise": "#44AA99",
}  # fmt: skip
"""Emotion -> its colour in every figure: Paul Tol's "muted" scheme (Technical Note SRON/EPS/TN/
09-002), safe for the colour-blind, with black for neutral in place of its pale grey."""
