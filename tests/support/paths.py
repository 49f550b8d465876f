"""Where the files of the project are, for tests."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "ser_stream" / "demo"
SPOKEN = ROOT / "tests" / "recordings"
"""Speech with known words and turns, of tools/make_test_recordings.py."""
RECIPES = ROOT / "config" / "recipes"
