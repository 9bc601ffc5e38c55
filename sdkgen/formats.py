"""The names of what can be chosen of an artifact. Apart from its record, so that options cost no imports."""

from __future__ import annotations

from typing import Literal, TypeAlias

Format: TypeAlias = Literal["tflite", "coreml", "coreai", "onnx"]
Precision: TypeAlias = Literal["fp16", "fp32"]
Layout: TypeAlias = Literal["joined", "standard"]
InputType: TypeAlias = Literal["float", "bytes"]

DEFAULT_VARIANT = "sliced-padding"
"""The shape of a TFLite graph unless another is asked for; see ``convert.tflite.variants``."""

Pipeline: TypeAlias = Literal["detect", "track"]

SUFFIXES: dict[Format, str] = {
    "tflite": ".tflite",
    "coreml": ".mlpackage",
    "coreai": ".aimodel",
    "onnx": ".onnx",
}
