"""LiteRT's GPU accelerator, asked about .tflite files instead of the rules that its source is known by.

It needs a Vulkan driver that LiteRT takes; ``SDKGEN_GPU_PYTHON`` names the Python to ask where the host's own has none
(see ``backends.litert_gpu``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdkgen.backends.process import find_adapter, start_on_gpu
from sdkgen.convert.lint import ml_drift
from sdkgen.convert.lint.report import LintReport, Testimony
from sdkgen.convert.lint.witness_worker import HEADER
from sdkgen.errors import RuntimeMissingError

_WORKER = Path(__file__).with_name("witness_worker.py")
_PATIENCE_S = 600
_TOLERANCE = 2e-3
"""Of the largest result: in float32, kernels that add in another order stay far below."""

_REFUSALS = re.compile(
    r"Following operations are not supported by GPU delegate:\n(.*?)\n(?:(\d+)|No) operations will run on",
    re.DOTALL,
)
_TAKES_NOTHING = "Failed to modify graph with delegate"


@dataclass(frozen=True)
class Answer:
    """What became of one file: ``facts`` as the worker tells them, ``log`` what LiteRT wrote meanwhile."""

    facts: dict[str, Any]
    log: str

    @property
    def adapter(self) -> str:
        """The GPU's name as Vulkan reports it; empty if none was found."""
        return find_adapter(self.log)

    @property
    def is_whole(self) -> bool:
        """Whether the GPU runs every operation."""
        return bool(self.facts.get("whole")) and "end" not in self.facts

    @property
    def is_loadable(self) -> bool:
        """Whether LiteRT reads and prepares the file at all, on the CPU."""
        return "cpu_error" not in self.facts

    @property
    def refused(self) -> dict[str, str]:
        """The operations that the accelerator refused, by name, with its reasons."""
        listed = [line for found in _REFUSALS.finditer(self.log) for line in found[1].splitlines()]
        # A DEQUANTIZE of float16 constants is listed without a reason: it is read through.
        return dict(line.split(": ", 1) for line in listed if ": " in line and line.split(": ", 1)[1])

    @property
    def runs(self) -> int | None:
        """How many operations of the first graph run on the GPU, where not all do; None if it is not said."""
        counts = [int(found[2] or 0) for found in _REFUSALS.finditer(self.log)]
        return counts[0] if counts else 0 if _TAKES_NOTHING in self.facts.get("gpu_error", "") else None

    @property
    def is_another_value(self) -> bool:
        """Whether the results on the GPU are not those on the CPU."""
        if not self.facts.get("ran"):
            return False
        worst = self.facts["difference"]
        return worst is None or worst > _TOLERANCE * max(1.0, self.facts["largest"])

    @property
    def reason(self) -> str:
        """Why the file does not run wholly on the GPU, in LiteRT's words; empty if it does."""
        if end := self.facts.get("end"):
            return f"the process ended while {self.facts['stage']}: {end}"
        if self.is_whole:
            return ""
        refused = "; ".join(f"{name}: {why}" for name, why in self.refused.items())
        lines = str(self.facts.get("gpu_error", "")).splitlines()
        return refused or (lines[-1].strip("└ ") if lines else "not every operation runs on the GPU")


class Witness:
    """A process that asks LiteRT about one file after another, each in a process of its own."""

    def __init__(self) -> None:
        self._process = start_on_gpu(_WORKER)

    def ask(self, model: bytes, *, run: bool = True, seconds: int = _PATIENCE_S) -> Answer:
        """Return what becomes of the file, whatever it does to the process that loads it.

        Raises ``RuntimeMissingError`` if LiteRT or a Vulkan driver that it takes is missing.
        """
        try:
            self._process.stdin.write(HEADER.pack(len(model), seconds, run) + model)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            last = self._process.log.strip().splitlines()[-1:]
            raise _missing(last[0] if last else "its process ended")
        facts = json.loads(line)
        answer = Answer(facts, facts.pop("log"))
        if run and "end" in facts and "on the CPU" in facts["stage"]:  # which says nothing of the GPU
            again = self.ask(model, run=False, seconds=seconds)
            return Answer({"cpu_error": facts["end"]} | again.facts, again.log)
        if not answer.adapter and answer.is_loadable and "end" not in facts and not answer.is_whole:
            raise _missing("no Vulkan driver that it takes was found")
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.close()


@contextmanager
def witness() -> Iterator[Witness]:
    """Start a witness for the block."""
    asked = Witness()
    try:
        yield asked
    finally:
        asked.close()


def testify(report: LintReport, model: bytes, asked: Witness) -> LintReport:
    """Return the report with what LiteRT did with the file, and where that is not what the rules say.

    Raises ``RuntimeMissingError``; see ``Witness.ask``.
    """
    answer = asked.ask(model)
    ran = bool(answer.facts.get("ran"))
    testimony = Testimony(
        runtime="LiteRT's GPU accelerator",
        adapter=answer.adapter,
        whole=answer.is_whole,
        reason=answer.reason,
        runs=None if answer.is_whole else answer.runs,
        refused=answer.refused,
        difference=answer.facts["difference"] if ran else None,
        largest=answer.facts["largest"] if ran else None,
        disagreements=tuple(_disagreements(report, answer)),
    )
    return report.model_copy(update={"testimony": testimony})


def _disagreements(report: LintReport, answer: Answer) -> Iterator[str]:
    target = ml_drift.NAME
    findings = [(o.name, f) for o in report.operations for f in o.findings if f.target == target]
    refused = {name for name, finding in findings if finding.verdict == "refuses"}
    unknown = {name for name, finding in findings if finding.verdict == "unknown"}
    if not answer.is_loadable:
        return
    if answer.is_whole and refused:
        yield f"the rules refuse {_join(refused)}, and the runtime runs the whole graph on the GPU"
    if not answer.is_whole and not refused and not unknown:
        yield f"the rules refuse nothing, and the runtime does not run the whole graph on the GPU: {answer.reason}"
    if answer.refused and (more := set(answer.refused) - refused - unknown):
        yield f"the runtime refuses {_join(more)}, and the rules do not"
    if answer.refused and (more := refused - set(answer.refused)):
        yield f"the rules refuse {_join(more)}, and the runtime does not"
    warned = any(finding.verdict == "computes another value" for _, finding in findings)
    # The GPU computes quantised graphs in floats: their results are near the CPU's, by no known measure.
    if answer.is_another_value and not warned and not answer.facts.get("quantized"):
        yield "the results on the GPU differ from those on the CPU, and no rule says so"


def _join(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _missing(why: str) -> RuntimeMissingError:
    return RuntimeMissingError(
        f"LiteRT's GPU accelerator cannot be asked here: {why}",
        hint="It needs a Vulkan driver, Mesa 25 or newer for a software one; see docs/parity.md. "
        "Without --run the rules alone judge.",
        reference="no-gpu",
    )
