"""Released weights: fetching and verifying them, and reading a .tflite flatbuffer into a torch state dict."""
