"""Small .tflite models made by hand, so that passes and rules are tested operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.tflite import flatbuffer


class Tiny:
    """A model under construction: tensors by index, operations in order."""

    def __init__(self) -> None:
        self.schema = flatbuffer.schema()
        self.model = self.schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.metadata = [], []
        self.model.buffers = [self.schema.BufferT()]
        self.graph = self.schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = np.array([], np.int32), np.array([], np.int32)
        self.model.subgraphs = [self.graph]

    def tensor(self, shape: Sequence[int], kind: str = "FLOAT32", name: str = "a long name from a converter") -> int:
        """Add a computed tensor."""
        tensor = self.schema.TensorT()
        tensor.shape, tensor.type = np.array(shape, np.int32), getattr(self.schema.TensorType, kind)
        tensor.name, tensor.buffer = name.encode(), 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, value: NDArray[Any]) -> int:
        """Add a stored tensor."""
        index = self.tensor(value.shape, value.dtype.name.upper())
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return index

    def operation(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], version: int = 1, **options: Any
    ) -> Any:
        """Add an operation; ``options`` are fields of its options table."""
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        operator = self.schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        table = {
            "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions", "PAD": "PadOptions",
            "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions", "BATCH_MATMUL": "BatchMatMulOptions",
            "MEAN": "ReducerOptions", "SUM": "ReducerOptions", "REDUCE_MAX": "ReducerOptions",
            "REDUCE_MIN": "ReducerOptions", "REDUCE_PROD": "ReducerOptions", "REDUCE_ALL": "ReducerOptions",
            "REDUCE_ANY": "ReducerOptions", "PADV2": "PadV2Options", "TOPK_V2": "TopKV2Options", "LSTM": "LSTMOptions",
            "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions", "ATAN2": "ATan2Options",
        }  # fmt: skip
        kind = table.get(name, "".join(part.capitalize() for part in name.split("_")) + "Options")
        if hasattr(self.schema, f"{kind}T"):
            made = getattr(self.schema, f"{kind}T")()
            for field, value in options.items():
                setattr(made, field, value)
            number = "" if hasattr(self.schema.BuiltinOptions, kind) else "2"
            setattr(operator, f"builtinOptions{number}", made)
            unions = getattr(self.schema, f"BuiltinOptions{number}")
            setattr(operator, f"builtinOptions{number}Type", getattr(unions, kind))
        self.model.operatorCodes.append(code)
        self.graph.operators.append(operator)
        return operator

    def between(self, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """Set what goes in and out, and return the model."""
        self.graph.inputs, self.graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        return self.model

    def write(self, path: Path) -> Path:
        """Write the model to ``path``."""
        path.write_bytes(flatbuffer.write(self.model))
        return path


def convolution(channels: int = 16) -> Tiny:
    """Return x (1, 4, 4, 3) → CONV_2D 3 × 3 → RELU → (1, 4, 4, channels), weights from a fixed seed."""
    tiny = Tiny()
    generator = np.random.default_rng(7)
    x, y, z = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, channels)), tiny.tensor((1, 4, 4, channels))
    weights = tiny.constant(generator.normal(size=(channels, 3, 3, 3)).astype(np.float32))
    bias = tiny.constant(generator.normal(size=channels).astype(np.float32))
    tiny.operation("CONV_2D", [x, weights, bias], [y], strideW=1, strideH=1)
    tiny.operation("RELU", [y], [z])
    tiny.between([x], [z])
    return tiny


def run(model: Any, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first output of ``model`` for one input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer.write(model))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    output: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output
