"""Whole runs: every cell on every device, devices side by side."""
