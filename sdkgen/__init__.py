"""sdkgen: app SDKs around BlazeFace, and latency tables one can trust."""

__version__ = "0.1.0"
