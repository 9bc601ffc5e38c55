"""The search for the fastest graph of a model, and the file that keeps it."""
