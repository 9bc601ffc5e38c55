"""Comparing backends tensor by tensor and detection by detection."""
