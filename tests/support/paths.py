"""Where the files of the project are, for tests."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "ser_stream" / "demo"
RECIPES = ROOT / "config" / "recipes"
