"""Runtimes that run an artifact on the host: torch, LiteRT, ONNX Runtime, Core ML."""
