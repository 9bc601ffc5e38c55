"""What a runner writes: JSON lines, read strictly. See devices/runner/runner.c for who writes them and when.

Times are nanoseconds. A last line without its line break was cut off by a kill and is left out; any other line that is
not one of these records is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sdkgen.bench.errors import DeviceError

Time: TypeAlias = Annotated[int, Field(ge=0)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Header(_Line):
    """Who measured, with which options and which clock."""

    type: Literal["header"] = "header"
    schema_version: Literal[1] = Field(default=1, alias="schema")
    runner: str
    abi: str
    pid: int
    started_unix: int
    clock: str
    resolution_ns: int
    backend: str
    precision: str
    threads: int
    runs: int
    warmup_seconds: float
    drift: float
    paced: float


class Init(_Line):
    """Loading the library, then initialising the model without and with compiled kernels at hand; None if not timed."""

    type: Literal["init"] = "init"
    load_ns: Time | None
    cold_ns: Time | None
    warm_ns: Time | None


class Placement(_Line):
    """Which accelerator took how many of the model's ops; -1 where it did not say."""

    type: Literal["placement"] = "placement"
    backend: str
    accelerator: str
    ops: int
    delegated: int
    full: bool


class First(_Line):
    """The first run; ``run_ns`` is None where only the whole was timed."""

    type: Literal["first"] = "first"
    run_ns: Time | None
    total_ns: Time


class Warmup(_Line):
    """How long the device took to settle, and whether it did."""

    type: Literal["warmup"] = "warmup"
    runs: int
    seconds: float
    drift: float
    settled: bool


class Sample(_Line):
    """One timed run: when it began, dispatch to completion, and writing the input to having read the output."""

    type: Literal["sample"] = "sample"
    i: int
    at_ns: Time
    run_ns: Time | None
    total_ns: Time


def back_to_back(times: Sequence[int]) -> tuple[Sample, ...]:
    """Return samples of which only the whole ``times`` (nanoseconds) are known: each began where the last ended."""
    starts = accumulate(times, initial=0)
    return tuple(
        Sample(i=i, at_ns=start, run_ns=None, total_ns=total)
        for i, (start, total) in enumerate(zip(starts, times, strict=False))
    )


class Reference(_Line):
    """The median of a fixed model's runs after the samples: how fast the device was."""

    type: Literal["reference"] = "reference"
    runs: int
    median_ns: Time


class End(_Line):
    """All went well. ``peak_kib`` is -1 if the memory is unknown; ``elapsed_ns`` is the whole process, if known."""

    type: Literal["end"] = "end"
    runs: int
    peak_kib: int
    elapsed_ns: Time | None = None


class Failure(_Line):
    """Why the runner ended early."""

    type: Literal["error"] = "error"
    reference: str
    message: str


Line: TypeAlias = Header | Init | Placement | First | Warmup | Sample | Reference | End | Failure
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="type")])


class Summary(BaseModel):
    """What only the official benchmark tool gives: figures over all runs instead of each run, in nanoseconds."""

    model_config = ConfigDict(frozen=True)

    runs: int
    mean_ns: Time
    deviation_ns: Time
    minimum_ns: Time
    maximum_ns: Time
    median_ns: Time | None = None
    p95_ns: Time | None = None


class Recording(BaseModel):
    """Everything one session left behind, complete or not."""

    model_config = ConfigDict(frozen=True)

    header: Header | None = None
    init: Init | None = None
    placement: Placement | None = None
    first: First | None = None
    warmup: Warmup | None = None
    samples: tuple[Sample, ...] = ()
    summary: Summary | None = None
    reference: Reference | None = None
    end: End | None = None
    failure: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether the runner said that it came to its end, and every sample is there."""
        return (
            self.end is not None
            and self.failure is None
            and (self.summary is not None or len(self.samples) == self.end.runs)
        )


def parse(data: bytes) -> Recording:
    """Return what ``data`` records.

    Raises ``DeviceError`` with the reference "runner-garbage" for a line that is no record, a record that comes twice,
    or samples that are not numbered in order.
    """
    whole, _, _cut = data.rpartition(b"\n")
    found: dict[str, Line] = {}
    samples: list[Sample] = []
    for number, text in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            line = _LINE.validate_json(text)
        except ValidationError as error:
            raise garbage(f"line {number} is no record: {text[:80]!r} ({error.errors()[0]['msg']})") from error
        if isinstance(line, Sample):
            if line.i != len(samples):
                raise garbage(f"line {number} is sample {line.i} where {len(samples)} was expected")
            samples.append(line)
        elif line.type in found:
            raise garbage(f"line {number} is a second {line.type}")
        else:
            found[line.type] = line
    fields = {("failure" if kind == "error" else kind): line for kind, line in found.items()}
    return Recording.model_validate({**fields, "samples": tuple(samples)})


def garbage(message: str) -> DeviceError:
    """Return the error for output that no runner of ours writes."""
    return DeviceError(
        f"the runner wrote something else than results: {message}",
        hint="Leave --runner out to use the one that sdkgen builds, or give the official benchmark_model.",
        reference="runner-garbage",
    )
