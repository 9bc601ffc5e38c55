"""Converters: network to artifact, for TFLite, Core ML and ONNX."""
