"""The torch module under construction: what each tensor of the file has become.

TFLite has images as (N, H, W, C), torch as (N, C, H, W). A tensor of four axes that a layer makes stays in torch's
order as long as no operation depends on TFLite's; where one does, such as RESHAPE, the axes are permuted. Exporters
find a graph that is wholly in one order, and permutations only where the file reshapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from numpy.typing import NDArray
from torch import fx, nn

from sdkgen.tflite.constants import LARGEST, values
from sdkgen.tflite.graph import DamagedError, Graph, Operation, Tensor

TO_PLANES, FROM_PLANES = (0, 3, 1, 2), (0, 2, 3, 1)
PLANE_AXIS = (0, 2, 3, 1)
"""Where each of TFLite's four axes is in torch's order."""

_FOLDED = frozenset(("DEQUANTIZE", "DENSIFY"))
_ACTIVATIONS: dict[int, Callable[..., Any]] = {1: F.relu, 2: F.hardtanh, 3: F.relu6}
"""The activations that are fused into other operations, by number; 0 is none, and others LiteRT ignores."""


class Unsupported(Exception):  # noqa: N818  (it is no error until all of them are known)
    """The importer knows the operation, but not in this form."""


@dataclass(frozen=True)
class Value:
    """A computed tensor: its node, its shape in TFLite's order, and whether the node has torch's order of axes."""

    node: fx.Node
    shape: tuple[int, ...]
    planes: bool = False

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def axis(self, axis: int) -> int:
        """Return where an axis of the file's tensor is in the node's."""
        return PLANE_AXIS[axis] if self.planes else axis


class Builder:
    """Grows the module; every result is held to the shape that the file declares for it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._fx = fx.Graph()
        self._root = nn.Module()
        self._values: dict[int, Value] = {}
        self._constants: dict[int, NDArray[Any]] = {}
        self._elements = 0
        for index in graph.inputs:
            tensor = graph.tensors[index]
            self._check_computed(tensor)
            planes = tensor.rank == len(TO_PLANES)
            name = f"input_{len(self._values)}"
            self._values[index] = Value(self._fx.placeholder(name), tensor.shape, planes)

    def fold(self, operation: Operation) -> bool:
        """Tell whether the operation only unpacks a constant, which then is known by its result."""
        if operation.kind not in _FOLDED or len(operation.inputs) != 1 or len(operation.outputs) != 1:
            return False
        (source,), (result,) = operation.inputs, operation.outputs
        if source is None or not (source.constant or source.index in self._constants):
            return False
        unpacked = self._constant(source)
        if unpacked.shape != result.shape:
            raise DamagedError(f"operation {operation.index} makes {unpacked.shape}, not {result.shape}")
        self._constants[result.index] = unpacked
        return True

    def stand_in(self, operation: Operation) -> None:
        """Give the results of an operation that is not known nodes of their shape, so that others can be looked at."""
        for tensor in operation.outputs:
            self._values[tensor.index] = Value(self._fx.call_function(torch.zeros, (tensor.shape,)), tensor.shape)

    def has(self, operation: Operation, slot: int) -> bool:
        """Tell whether the operand is there."""
        return slot < len(operation.inputs) and operation.inputs[slot] is not None

    def operand(self, operation: Operation, slot: int = 0) -> Value:
        """Return an operand; a constant becomes a parameter in TFLite's order of axes."""
        tensor = self._tensor(operation, slot)
        if tensor.index in self._values:
            return self._values[tensor.index]
        if self.is_constant(operation, slot):
            found = self.constant(operation, slot)
            return Value(self.parameter(operation, slot, found), found.shape)
        if tensor.variable:
            raise Unsupported("with a state that is kept between runs")
        raise DamagedError(f"operation {operation.index} reads a tensor that nothing has computed")

    def is_constant(self, operation: Operation, slot: int) -> bool:
        """Tell whether an operand's value is in the file."""
        tensor = self._tensor(operation, slot)
        return tensor.index not in self._values and (tensor.constant or tensor.index in self._constants)

    def constant(self, operation: Operation, slot: int) -> NDArray[np.float32]:
        """Return an operand's value in float32.

        Raises ``Unsupported`` if it is computed.
        """
        if not self.is_constant(operation, slot):
            self.operand(operation, slot)
            raise Unsupported(f"whose operand {slot} is computed")
        return self._constant(self._tensor(operation, slot)).astype(np.float32, copy=False)

    def integers(self, operation: Operation, slot: int) -> list[int]:
        """Return the numbers of a constant that decides shapes, flattened."""
        if not self.is_constant(operation, slot):
            self.operand(operation, slot)
            raise Unsupported("whose shape is computed")
        found = self._constant(self._tensor(operation, slot))
        if found.dtype.kind not in "iu" or found.size > 64:
            raise DamagedError(f"operand {slot} of operation {operation.index} is no short list of integers")
        return [int(number) for number in found.reshape(-1)]

    def parameter(self, operation: Operation, slot: int, value: NDArray[Any]) -> fx.Node:
        """Return a node for a new parameter, called after the operation."""
        name = f"{operation.kind.lower()}_{operation.index}_{slot}"
        self._root.register_parameter(name, parameter(value))
        return self._fx.get_attr(name)

    def buffer(self, operation: Operation, name: str, value: NDArray[Any]) -> fx.Node:
        """Return a node for numbers that are no weights."""
        name = f"{operation.kind.lower()}_{operation.index}_{name}"
        self._root.register_buffer(name, torch.from_numpy(np.array(value)))
        return self._fx.get_attr(name)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> fx.Node:
        """Return the node of a function's result."""
        return self._fx.call_function(function, args, options)

    def layer(self, operation: Operation, module: nn.Module, node: fx.Node) -> fx.Node:
        """Return the node of a module's result; the module is called after the operation."""
        name = f"{operation.kind.lower()}_{operation.index}"
        self._root.add_module(name, module)
        # The graph is bound to the module when it is finished; until then it cannot look the name up.
        return self._fx.create_node("call_module", name, (node,))

    def to_planes(self, value: Value) -> fx.Node:
        """Return a tensor of four axes in torch's order."""
        if value.rank != len(TO_PLANES):
            raise DamagedError(f"a layer takes images of four axes, not {value.shape}")
        return value.node if value.planes else self.call(torch.permute, value.node, TO_PLANES)

    def to_rows(self, value: Value) -> fx.Node:
        """Return a tensor in TFLite's order."""
        if not value.planes:
            return value.node
        return self.call(torch.permute, value.node, FROM_PLANES)

    def give(
        self, operation: Operation, node: fx.Node, shape: Sequence[int], *, planes: bool = False, slot: int = 0
    ) -> None:
        """Make ``node`` the operation's result, behind its fused activation.

        Raises ``DamagedError`` if the file declares another shape.
        """
        if slot >= len(operation.outputs):
            raise DamagedError(f"operation {operation.index} has no result {slot}")
        tensor = operation.outputs[slot]
        self._check_computed(tensor)
        if tuple(shape) != tensor.shape:
            what = f"operation {operation.index} ({operation.name}) makes {tuple(shape)}, and declares {tensor.shape}"
            raise DamagedError(what)
        if tensor.index in self._values or tensor.constant:
            raise DamagedError(f"tensor {tensor.index} is computed twice")
        kind = int(operation.option("fusedActivationFunction") or 0)
        if kind:
            if kind not in _ACTIVATIONS:
                raise Unsupported(f"with the fused activation {kind}")
            node = self.call(_ACTIVATIONS[kind], node)
        self._values[tensor.index] = Value(node, tuple(shape), planes)

    def finish(self) -> fx.GraphModule:
        """Return the module."""
        results = []
        for index in self._graph.outputs:
            if index not in self._values:
                raise DamagedError(f"nothing computes the output {self._graph.tensors[index].name!r}")
            results.append(self.to_rows(self._values[index]))
        if not results:
            raise DamagedError("the graph has no output")
        self._fx.output(tuple(results))
        # What nothing reads goes before the module is made, which compiles its code.
        self._fx.eliminate_dead_code(is_impure_node=lambda node: node.op in ("placeholder", "output"))
        module = fx.GraphModule(self._root, self._fx, "ImportedGraph")
        return module.eval().requires_grad_(False)

    def _tensor(self, operation: Operation, slot: int) -> Tensor:
        tensor = operation.inputs[slot] if slot < len(operation.inputs) else None
        if tensor is None:
            raise DamagedError(f"operation {operation.index} ({operation.name}) has no operand {slot}")
        return tensor

    def _constant(self, tensor: Tensor) -> NDArray[Any]:
        if tensor.index not in self._constants:
            found = values(tensor)
            self._elements += found.size
            if self._elements > LARGEST:
                raise DamagedError(f"the constants have more than {LARGEST:,} elements")
            self._constants[tensor.index] = found
        return self._constants[tensor.index]

    def _check_computed(self, tensor: Tensor) -> None:
        if tensor.type != "float32":
            raise Unsupported(f"in {tensor.type}")
        if not 0 < math.prod(tensor.shape) <= LARGEST:
            raise DamagedError(f"tensor {tensor.index} has the shape {tensor.shape}")


def parameter(value: NDArray[Any]) -> nn.Parameter:
    """Return numbers as a parameter that is not trained."""
    return nn.Parameter(torch.from_numpy(np.array(value, np.float32, order="C")), requires_grad=False)
