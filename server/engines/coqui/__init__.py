"""Coqui TTS: XTTS v2, which clones voices, and the library's other models by their names."""
