"""What is in an .aimodel, and what is known of the compute units that take it.

Apple publishes no table of the operations that Core AI's GPU or Neural Engine take, and the runtime that runs elsewhere
than on Apple's systems has neither. What is published (github.com/apple/coreai-models, the rules for the Neural Engine
in skills/model-authoring): values in float32 go to the GPU or the CPU, no value may have more than five axes, shapes
must be fixed. Of everything else the answer is "unknown", never "takes".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sdkgen.backends.coreai import Function, Operation, describe
from sdkgen.convert.lint.partition import place
from sdkgen.convert.lint.report import Finding, GraphVerdict, LintReport, OperationVerdict, Verdict
from sdkgen.convert.lint.rules import RULES
from sdkgen.errors import ConvertError

GPU, NEURAL_ENGINE = "GPU", "Neural Engine"
TARGETS = (GPU, NEURAL_ENGINE)

_MAXIMUM_RANK = 5
_SOURCE = "apple/coreai-models, rules for the Neural Engine"


def lint(path: Path) -> LintReport:
    """Return what is known of an .aimodel folder; no target refuses or takes one as a whole.

    Raises ``BackendError`` if it cannot be read, ``ConvertError`` if it holds no operation, ``MissingExtraError``
    without coreai-core.
    """
    graphs = tuple(_judge_function(function) for function in describe(path))
    if not any(graph.operations for graph in graphs):
        hint = "Nothing in it could run anywhere. Give the asset that a converter made."
        raise ConvertError("the program holds no operation", context=str(path), hint=hint, reference="empty-model")
    return LintReport(path=str(path), format="coreai", targets=TARGETS, required=(GPU,), graphs=graphs)


def _judge_function(function: Function) -> GraphVerdict:
    constants = {n for operation in function.operations if operation.name == "constant" for n in operation.outputs}
    verdicts = [
        OperationVerdict(
            index=index,
            name=operation.name,
            version=None,
            output=", ".join(f"%{number}" for number in operation.outputs),
            findings=tuple(judge(operation)),
            inputs=tuple(number for number in operation.inputs if number not in constants),
            outputs=operation.outputs,
        )
        for index, operation in enumerate(function.work)
    ]
    return GraphVerdict(
        name=function.name,
        signatures=(),
        operations=tuple(verdicts),
        placements=tuple(place(verdicts, target, all_parts=True) for target in TARGETS),
        dtypes=dict(Counter(dtype for operation in function.work for dtype in operation.dtypes).most_common()),
    )


def judge(operation: Operation) -> Iterator[Finding]:
    """Yield what is known of a compute unit and the operation, or that nothing is."""
    yield _finding(GPU, "core-ai-unknown", "Apple does not publish what Core AI's GPU takes", "unknown")
    known = [*_known(operation)]
    yield from known
    if not known:
        yield _finding(
            NEURAL_ENGINE, "core-ai-unknown", "Apple does not publish what Core AI's Neural Engine takes", "unknown"
        )


def _known(operation: Operation) -> Iterator[Finding]:
    if "float32" in operation.dtypes:
        message = "the program declares float32, and the Neural Engine computes in float16"
        yield _finding(NEURAL_ENGINE, "float32", message)
    if any(len(shape) > _MAXIMUM_RANK for shape in operation.shapes):
        yield _finding(NEURAL_ENGINE, "core-ai-rank", f"a result has more than {_MAXIMUM_RANK} axes")
    if any(side is None for shape in operation.shapes for side in shape):
        yield _finding(NEURAL_ENGINE, "core-ai-shape", "a result's shape is not fixed")


def _finding(target: str, rule: str, message: str, verdict: Verdict = "refuses") -> Finding:
    source = "" if verdict == "unknown" else _SOURCE
    return Finding(target=target, rule=rule, message=message, fix=RULES[rule].fix, verdict=verdict, source=source)
