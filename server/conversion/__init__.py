"""Voice conversion: the stage between engine and encoder."""
