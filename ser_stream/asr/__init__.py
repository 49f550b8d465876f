"""Speech recognition: words with times, on the stream's clock. Nothing here imports torch."""
