"""Labelled speech corpora behind one interface."""
