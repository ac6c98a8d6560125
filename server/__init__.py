"""Troupe's speech server: one set of voices for every chat host and every OpenAI client."""

__version__ = "0.1.0"
