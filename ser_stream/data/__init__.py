"""From corpora to batches: feature cache, windows, pairs, texts, augmentation, acoustics."""
