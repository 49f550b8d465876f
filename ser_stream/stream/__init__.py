"""The recogniser and its parts: audio blocks in, emotion estimates out."""
