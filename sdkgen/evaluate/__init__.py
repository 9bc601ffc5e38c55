"""How good a detector is on labelled photographs: average precision, keypoint error, and jitter."""
