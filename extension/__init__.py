"""What runs inside a host; it knows the server only by its address."""
