"""Speech engines: one file each, run in a worker process of their own."""
