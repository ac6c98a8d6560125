"""Tests of Troupe: ``python3 -m tests``."""
