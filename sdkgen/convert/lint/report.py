"""What a lint run says: for each operation and target whether it is taken, and if not, by which rule and what to do."""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias

from pydantic import Field

from sdkgen.artifact import Format, Record

_REASONS = 3
"""How many different reasons a group of findings gives."""

Answer: TypeAlias = Literal["takes", "refuses", "unknown"]
Verdict: TypeAlias = Literal["refuses", "unknown", "computes another value"]


class Finding(Record):
    """What ``target`` does with an operation that it does not simply take.

    ``rule`` is a stable kebab-case name, ``fix`` what to do about it, ``source`` where the rule is written down.
    """

    target: str
    rule: str
    message: str
    fix: str
    verdict: Verdict = "refuses"
    source: str = ""


class OperationVerdict(Record):
    """One operation: its place in the graph, its name and version, the name of what it computes, and the findings."""

    index: int
    name: str
    version: int | None
    output: str
    findings: tuple[Finding, ...]
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()

    def answer(self, target: str) -> Answer:
        """Return whether ``target`` takes the operation."""
        verdicts = {finding.verdict for finding in self.findings if finding.target == target}
        return "refuses" if "refuses" in verdicts else "unknown" if "unknown" in verdicts else "takes"

    def runs_on(self, target: str) -> bool:
        """Whether ``target`` is not known to refuse the operation."""
        return self.answer(target) != "refuses"


class Placement(Record):
    """What of a graph one target runs.

    ``partitions`` counts the connected parts that it takes, ``runs`` the operations of those that it is given: the
    delegates take the largest part, Core ML all. ``cuts`` names the operations between the parts.
    """

    target: str
    takes: int
    unknown: int
    total: int
    partitions: int
    runs: int
    cuts: dict[str, int]


class GraphVerdict(Record):
    """A subgraph of a .tflite file with the signatures that enter it, or a function of an .mlpackage or .aimodel.

    ``dtypes`` counts the results of each type where nothing else is told by the verdicts (.aimodel).
    """

    name: str
    signatures: tuple[str, ...]
    operations: tuple[OperationVerdict, ...]
    placements: tuple[Placement, ...]
    dtypes: dict[str, int] = Field(default_factory=dict)


class Testimony(Record):
    """What a runtime that was asked did with the file.

    ``difference`` is the largest one between the results on the GPU and on the CPU, ``largest`` the largest result.
    ``disagreements`` says where its answer is not that of the rules.
    """

    runtime: str
    adapter: str
    whole: bool
    reason: str
    runs: int | None
    refused: dict[str, str]
    difference: float | None
    largest: float | None
    disagreements: tuple[str, ...]


class LintReport(Record):
    """The verdict on a model file.

    ``targets`` are all runtimes or compute units that were judged; a model falls back if one of the ``required`` ones
    refuses an operation or computes another value.
    """

    path: str
    format: Format
    targets: tuple[str, ...]
    required: tuple[str, ...]
    graphs: tuple[GraphVerdict, ...]
    testimony: Testimony | None = None

    @property
    def operations(self) -> tuple[OperationVerdict, ...]:
        """The operations of all graphs."""
        return tuple(operation for graph in self.graphs for operation in graph.operations)

    @property
    def _decisive(self) -> list[Finding]:
        return [f for o in self.operations for f in o.findings if f.target in self.required]

    @property
    def passed(self) -> bool:
        """Whether no required target is known to refuse an operation, or to compute another value."""
        said = self.testimony is None or (self.testimony.whole and not self.testimony.disagreements)
        return said and all(finding.verdict == "unknown" for finding in self._decisive)

    @property
    def is_certain(self) -> bool:
        """Whether the answers of the required targets are all known."""
        return all(finding.verdict != "unknown" for finding in self._decisive)

    def counts(self, target: str) -> tuple[int, int]:
        """Return how many operations ``target`` takes for sure, and of how many."""
        return sum(o.answer(target) == "takes" for o in self.operations), len(self.operations)

    def grouped(self) -> list[tuple[Finding, str, list[OperationVerdict]]]:
        """Return one finding a target and rule, with the names and the list of its operations, the commonest first.

        Its message holds the reasons of all of them, each once.
        """
        groups: dict[tuple[str, str, str], list[tuple[Finding, OperationVerdict]]] = {}
        for operation in self.operations:
            for finding in operation.findings:
                groups.setdefault((finding.verdict, finding.target, finding.rule), []).append((finding, operation))
        merged = []
        for group in sorted(groups.values(), key=len, reverse=True):
            names = Counter(operation.name for _, operation in group)
            name = next(iter(names)) if len(names) == 1 else ", ".join(f"{n} × {name}" for name, n in names.items())
            messages = list(dict.fromkeys(finding.message for finding, _ in group))
            more = f"; and {len(messages) - _REASONS} more" if len(messages) > _REASONS else ""
            finding = group[0][0].model_copy(update={"message": "; ".join(messages[:_REASONS]) + more})
            merged.append((finding, name, [operation for _, operation in group]))
        return merged
