"""From a request to a stream of bytes: prepare, schedule, speak, join, encode."""
