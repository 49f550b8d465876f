"""From corpora to batches: features, augmentation, acoustics."""
