"""Kokoro 82M on torch: batches of sentences on a graphics card, or on the CPU where nothing else fits."""
