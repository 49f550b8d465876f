"""Adapters for other software: each needs an extra of its own."""
