"""Into how many parts a graph falls where a delegate does not take all of it.

The parts are found as TensorFlow Lite finds them (``PartitionGraphIntoIndependentNodeSubsets`` in graph_info.cc): from
what is ready, all operations of one kind are taken, then all of the other, and so on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from sdkgen.convert.lint.report import OperationVerdict, Placement

Unpacking: TypeAlias = tuple[int, tuple[int, ...]]
"""Where in the order of the file float16 constants are unpacked, and the tensors that this makes."""

_STATEFUL = frozenset(("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"))
"""Operations that keep their order among themselves."""


def place(
    operations: Sequence[OperationVerdict],
    target: str,
    *,
    unpackings: Sequence[Unpacking] = (),
    all_parts: bool = False,
) -> Placement:
    """Return what ``target`` runs of the operations: the largest part, or with ``all_parts`` every one.

    A graph with a result of computed shape runs on the CPU as a whole. Unpackings of constants are no operations, but
    where a graph is not taken whole they decide what is ready when.
    """
    answers = Counter(operation.answer(target) for operation in operations)
    nodes = [_Node(o.index, o.runs_on(target), o.inputs, o.outputs, o.name in _STATEFUL) for o in operations]
    if not all(node.is_taken for node in nodes):
        nodes += [_Node(position, False, (), made, False) for position, made in unpackings]
    parts = [size for is_taken, size in _parts(sorted(nodes, key=lambda node: node.position)) if is_taken]
    cuts = Counter(operation.name for operation in operations if operation.answer(target) == "refuses")
    rules = {finding.rule for operation in operations for finding in operation.findings if finding.target == target}
    sizes = [0] if "computed-shape" in rules else [*parts, 0]
    return Placement(
        target=target,
        takes=answers["takes"],
        unknown=answers["unknown"],
        total=len(operations),
        partitions=len(parts),
        runs=sum(sizes) if all_parts else max(sizes),
        cuts=dict(cuts.most_common()),
    )


class _Node(NamedTuple):
    position: int
    is_taken: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    is_stateful: bool


def _parts(nodes: list[_Node]) -> list[tuple[bool, int]]:
    """Return the parts in the order in which they run: whether the target takes them, and how many operations."""
    made = {tensor for node in nodes for tensor in node.outputs}
    done: set[int] = set()
    parts: list[tuple[bool, int]] = []
    while nodes:
        kind: bool | None = None
        left: list[_Node] = []
        for node in nodes:
            is_ready = all(tensor in done for tensor in node.inputs if tensor in made)
            is_ready &= not (node.is_stateful and any(other.is_stateful for other in left))
            if is_ready and kind in (None, node.is_taken):
                kind = node.is_taken
                done.update(node.outputs)
            else:
                left.append(node)
        if kind is None:  # a circle, which no runtime would run
            return [*parts, (False, len(left))]
        parts.append((kind, len(nodes) - len(left)))
        nodes = left
    return parts
