"""The networks of the four papers."""
