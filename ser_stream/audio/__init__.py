"""Audio input: sources, conditioning, the timeline, voice activity and turns."""
