"""Where samples come from, and the timeline that every other part reads them from."""
