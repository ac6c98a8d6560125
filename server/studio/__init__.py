"""The studio: pages where people look, listen and choose, one file a tab."""
