"""What a lint run says: for each operation, which runtimes take it, and if not, by which rule and what to do."""

from __future__ import annotations

from collections import Counter

from sdkgen.artifact import Format, Record


class Finding(Record):
    """Why ``target`` does not take an operation. ``rule`` is a stable kebab-case name, ``fix`` what to do about it."""

    target: str
    rule: str
    message: str
    fix: str


class OperationVerdict(Record):
    """One operation: its place in the graph, its name and version, the name of what it computes, and the findings."""

    index: int
    name: str
    version: int | None
    output: str
    findings: tuple[Finding, ...]

    def runs_on(self, target: str) -> bool:
        """Whether ``target`` takes the operation."""
        return all(finding.target != target for finding in self.findings)


class LintReport(Record):
    """The verdict on a model file.

    ``targets`` are all runtimes or compute units that were judged; a model falls back if one of the ``required`` ones
    does not take an operation.
    """

    path: str
    format: Format
    targets: tuple[str, ...]
    required: tuple[str, ...]
    operations: tuple[OperationVerdict, ...]

    @property
    def falling_back(self) -> tuple[OperationVerdict, ...]:
        """The operations that at least one required target does not take."""
        return tuple(o for o in self.operations if any(not o.runs_on(target) for target in self.required))

    @property
    def passed(self) -> bool:
        """Whether every required target takes the whole graph."""
        return not self.falling_back

    def counts(self, target: str) -> tuple[int, int]:
        """Return how many operations ``target`` takes, and of how many."""
        return sum(operation.runs_on(target) for operation in self.operations), len(self.operations)

    def grouped(self) -> list[tuple[Finding, str, list[OperationVerdict]]]:
        """Return the findings with the name and the list of operations that they concern, the commonest first."""
        groups: dict[tuple[Finding, str], list[OperationVerdict]] = {}
        for operation in self.operations:
            for finding in operation.findings:
                groups.setdefault((finding, operation.name), []).append(operation)
        sizes = Counter({key: len(operations) for key, operations in groups.items()})
        return [(*key, groups[key]) for key, _ in sizes.most_common()]
