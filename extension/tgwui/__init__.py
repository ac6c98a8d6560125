"""text-generation-webui: characters speak while the model types."""
