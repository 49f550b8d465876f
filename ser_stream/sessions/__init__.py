"""Recorded sessions: what `ser-stream listen --record` writes, and `ser-stream review` shows."""
