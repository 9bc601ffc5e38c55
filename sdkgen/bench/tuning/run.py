"""A whole search: rounds of benches over the graphs of a model, and what failed in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdkgen import console
from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.devices.transport import Found
from sdkgen.bench.errors import DeviceError, DeviceGone
from sdkgen.bench.plan import Backend, Cell, Settings
from sdkgen.bench.protocol import Runner
from sdkgen.bench.report.paired import Place, device_name
from sdkgen.bench.results.store import Store, StoredSession
from sdkgen.bench.runs import live
from sdkgen.bench.runs.bench import Bench, Problem
from sdkgen.bench.tuning.file import Tuned, describe
from sdkgen.bench.tuning.search import RELEASED, Candidate, Tuning, find_partial, label_of, read_whole
from sdkgen.errors import SdkgenError
from sdkgen.spec.model import ModelSpec

CONFIRMING_SESSIONS = 2
"""How many times the sessions of a round the confirmation has: it measures few candidates, and decides."""


@dataclass(frozen=True)
class Graphs:
    """The files to measure: of each candidate, the default's first, and the released one where there is any."""

    candidates: Mapping[Candidate, Path]
    released: Path | None

    @property
    def by_label(self) -> dict[str, Candidate]:
        """The candidates by what tables call them."""
        return {candidate.label: candidate for candidate in self.candidates}


@dataclass
class Search:
    """What to measure on what; ``run`` measures, and the other fields say afterwards what came of it."""

    spec: ModelSpec
    graphs: Graphs
    devices: Sequence[Found]
    backends: Sequence[Backend]
    threads: int
    settings: Settings
    runner: Runner
    store: Store
    problems: list[Problem] = field(default_factory=list)
    """What went wrong with a device, the default or the released file; why candidates failed is in ``tuning``."""
    tuning: Tuning = field(init=False)
    _run_ids: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _identities: dict[str, Identity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with every candidate."""
        default, *others = self.graphs.by_label
        self.tuning = Tuning(default, others, [RELEASED] if self.graphs.released else [])

    def run(self, rounds: int) -> None:
        """Measure round by round; after an interrupt, what was measured is there all the same.

        Raises what kept the default from being measured, if that was so everywhere.
        """
        for number in range(1, rounds + 1):
            console.note(f"Round {number} of {rounds}: {1 + len(self.tuning.active)} candidates")
            failures = self._measure(number, self.settings)
            if not self.tuning.places:
                raise self._why_not_the_default(failures)
            self.tuning.drop_slower(number, failures)
            if not self.tuning.active:
                break
        if self.tuning.begin_confirmation(rounds + 1):
            console.note(f"Confirming {self.tuning.finalist}")
            sessions = self.settings.sessions * CONFIRMING_SESSIONS
            self._measure(rounds + 1, self.settings.model_copy(update={"sessions": sessions}))

    def _measure(self, number: int, settings: Settings) -> dict[str, str]:
        """Measure the references, the default and what is active; return why candidates failed, by label."""
        labels = [*self.tuning.references, self.tuning.default, *self.tuning.active]
        start = number % len(labels)  # each round begins elsewhere, so that nobody always comes first
        cells = self._cells([*labels[start:], *labels[:start]])
        job = Bench(self.devices, cells, settings, self.runner, self.store)
        found: list[StoredSession] = []
        try:
            live.run(job)
        finally:
            if job.run_id:
                found = self.store.sessions([job.run_id])
                self._take(job.run_id, found, number)
        return find_partial(found, self.spec.name) | self._sort(job.problems)

    @property
    def missing(self) -> list[Place]:
        """Where the default was to be measured and was not: no choice can count there."""
        measured = {(place.serial_hash, place.backend) for place in self.tuning.places}
        wanted = [Place(one, name, backend) for one, name in self._names.items() for backend in self.backends]
        return [place for place in wanted if (place.serial_hash, place.backend) not in measured]

    def record(self) -> Tuned | None:
        """Return what was found so far; None if that is nothing."""
        if not self.tuning.places:
            return None
        versions = {one.id: one.versions for one in self.store.runs()}
        return describe(
            self.tuning,
            self.graphs.by_label,
            self.spec,
            self._identities,
            runner=self.runner.name,
            runs=self._run_ids,
            versions=versions[self._run_ids[-1]],
        )

    def _cells(self, labels: Sequence[str]) -> list[Cell]:
        files = {one.label: (path, one.precision == "fp32") for one, path in self.graphs.candidates.items()}
        if self.graphs.released is not None:
            files[RELEASED] = self.graphs.released, False
        return [
            Cell.of(
                f"{self.spec.name} {label}",
                files[label][0],
                backend,
                self.threads if backend == "cpu" else 1,
                fp32=files[label][1],
            )
            for label in labels
            for backend in self.backends
        ]

    def _take(self, run_id: str, found: Sequence[StoredSession], number: int) -> None:
        self._run_ids.append(run_id)
        self._identities |= {one.identity.serial_hash: one.identity for one in found}
        self._names |= {one.identity.serial_hash: device_name(one) for one in found}
        self.tuning.add(read_whole(found, number, self.spec.name))

    def _sort(self, problems: Sequence[Problem]) -> dict[str, str]:
        """Keep the problems that are not a candidate's own, and return why candidates failed, by label."""
        always = ("", self.tuning.default, RELEASED)
        failures: dict[str, str] = {}
        for one in problems:
            label = label_of(one.cell.split(" on ")[0], self.spec.name)
            if label in always or isinstance(one.error, DeviceGone):
                self.problems.append(one)
            failures.setdefault(label, f"failed: {one.error.message}")
        return failures

    def _why_not_the_default(self, failures: Mapping[str, str]) -> SdkgenError:
        for one in self.problems:
            if label_of(one.cell.split(" on ")[0], self.spec.name) in ("", self.tuning.default):
                return one.error
        return DeviceError(
            f"the default, {self.tuning.default}, was not measured: {failures.get(self.tuning.default, 'no session')}",
            context=", ".join(self._names.values()),
            hint="sdkgen bench shows what it does there; choose another --backend or device.",
            reference="default-not-measured",
        )
