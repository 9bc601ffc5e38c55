"""Devices: how they are reached, what they are and how they are, and emulated ones."""
