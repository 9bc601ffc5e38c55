"""What measures on a device: programs, an SDK's own benchmark, and how each is built."""
