"""Torch modules that are faithful to the released graphs."""
