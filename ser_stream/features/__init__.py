"""Model input: features of sound and words, segments, and the speaker memory."""
