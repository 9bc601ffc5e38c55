"""The Swift core against the Python reference and a plain port."""
