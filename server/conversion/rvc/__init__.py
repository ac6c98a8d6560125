"""Retrieval-based voice conversion: speech of one voice in, the same words in another voice out."""
