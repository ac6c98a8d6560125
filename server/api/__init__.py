"""HTTP: wire names in, wire shapes out; no synthesis, no encoding."""
