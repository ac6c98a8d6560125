"""Coqui TTS: XTTS v2, which clones voices, and VITS models by the library's names."""
