"""Voices: what they are, which OpenAI name means which, and the user's own."""
