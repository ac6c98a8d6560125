"""What runs before there is an environment: the standard library only, on any supported Python."""
