"""Computes an ML Program operation by operation, in float32 or rounding to float16 as the program declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sdkgen.backends.mil import spatial, tensors
from sdkgen.backends.mil.half import to_half
from sdkgen.backends.mil.package import Argument, Operation, Program, Ref
from sdkgen.errors import BackendError

Arithmetic: TypeAlias = Literal["fp32", "fp16"]

_COMPUTES: tuple[Callable[..., Any], ...] = (
    spatial.conv, spatial.avg_pool, spatial.upsample_bilinear, spatial.resize_bilinear,
    tensors.add, tensors.sub, tensors.mul, tensors.leaky_relu, tensors.prelu, tensors.sigmoid, tensors.cast,
    tensors.constexpr_affine_dequantize, tensors.constexpr_lut_to_dense, tensors.constexpr_cast,
)  # fmt: skip
"""Operations whose results may need rounding."""

_MOVES: tuple[Callable[..., Any], ...] = (
    spatial.max_pool, tensors.relu, tensors.relu6, tensors.clip, tensors.pad, tensors.concat, tensors.split,
    tensors.reshape, tensors.transpose, tensors.squeeze, tensors.expand_dims,
)  # fmt: skip
"""Operations that yield nothing but elements of their inputs and constants: what goes in rounded comes out rounded."""

KNOWN = {function.__name__: function for function in (*_COMPUTES, *_MOVES)}
"""The operations the evaluator knows, by their names in MIL."""

_ROUNDED = {function.__name__ for function in _COMPUTES}


@dataclass(frozen=True)
class _Step:
    operation: Operation
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    rounds: bool
    done_with: tuple[str, ...]


class Evaluator:
    """A program ready to run. Sums are accumulated in float32 in either arithmetic.

    With ``arithmetic`` "fp16" each value that the program declares as float16 is rounded to it as soon as it is
    computed, as a processor of half precision would store it; with "fp32" nothing is rounded but the constants, which
    have the precision of the file.
    """

    def __init__(self, program: Program, arithmetic: Arithmetic = "fp16") -> None:
        """Prepare ``program``. Raises ``BackendError`` if it has an operation or an argument that is not known."""
        self.inputs = program.inputs
        self._outputs = tuple(record.name for record in program.outputs)
        self._half = arithmetic == "fp16"
        self._constants: dict[str, NDArray[Any]] = {}
        self._steps: list[_Step] = []
        last_use = _last_uses(program)
        for index, operation in enumerate(program.operations):
            step = self._prepared(operation, tuple(last_use.get(index, ())))
            if operation.type.startswith("constexpr_"):
                self._constants[operation.outputs[0]] = self._results(step, {})[0]
            else:
                self._steps.append(step)

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Return the outputs by name for ``inputs`` by name, all float32; what overflows is infinite."""
        values: dict[str, NDArray[Any]] = dict(inputs)
        with np.errstate(over="ignore", invalid="ignore"):
            for step in self._steps:
                results = self._results(step, values)
                values.update(zip(step.operation.outputs, results, strict=True))
                for name in step.done_with:
                    values.pop(name, None)
        return {name: np.ascontiguousarray(values[name], np.float32) for name in self._outputs}

    def _prepared(self, operation: Operation, done_with: tuple[str, ...]) -> _Step:
        if operation.type not in KNOWN:
            raise BackendError(
                f"the evaluator does not know the operation {operation.type!r}",
                context=", ".join(operation.outputs),
                hint="Run the package on a Mac, or build it with sdkgen, whose operations are all known.",
                reference="unknown-operation",
            )
        function = KNOWN[operation.type]
        arguments = {name: self._constant(value) for name, value in operation.inputs.items()}
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise BackendError(
                f"the evaluator does not know these arguments of {operation.type!r}: {error}",
                context=", ".join(operation.outputs),
                reference="unknown-operation",
            ) from error
        rounds = self._half and operation.type in _ROUNDED and any(t == np.float16 for t in operation.dtypes)
        return _Step(operation, function, arguments, rounds, done_with)

    def _constant(self, value: Argument) -> Any:
        """Return an argument with constants in float32, and references to unpacked constants resolved."""
        if isinstance(value, tuple):
            return tuple(self._constant(part) for part in value)
        if isinstance(value, Ref):
            return self._constants.get(value.name, value)
        if isinstance(value, np.ndarray) and value.dtype == np.float16:
            return value.astype(np.float32)
        return value

    def _results(self, step: _Step, values: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        arguments = {name: _resolved(value, values) for name, value in step.arguments.items()}
        result = step.function(**arguments)
        results = result if isinstance(result, tuple) else (result,)
        for found, shape in zip(results, step.operation.shapes, strict=True):
            if found.shape != shape:
                raise BackendError(
                    f"{step.operation.type!r} gives {found.shape} where the program says {shape}",
                    context=", ".join(step.operation.outputs),
                    reference="bad-artifact",
                )
        return tuple(map(to_half, results)) if step.rounds else results


def _resolved(value: Any, values: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, Ref):
        return values[value.name]
    if isinstance(value, tuple):
        return tuple(_resolved(part, values) for part in value)
    return value


def _last_uses(program: Program) -> dict[int, list[str]]:
    """Return, for each operation's index, the values that nothing reads after it."""
    last: dict[str, int] = {}
    for index, operation in enumerate(program.operations):
        for value in operation.inputs.values():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Ref):
                    last[part.name] = index
    kept = {record.name for record in program.outputs}
    done: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in kept:
            done.setdefault(index, []).append(name)
    return done
