"""What a run with a baseline shows: each other row beside the baseline, on every device and backend, paired by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from sdkgen.bench.report.paired import Medians, Place, place_of, read_sessions
from sdkgen.bench.results.store import StoredRun, StoredSession


class Comparison(BaseModel):
    """How long a row takes relative to the run's baseline; None where there is nothing to tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    device: str
    serial_hash: str
    backend: str
    model: str
    artifact_sha256: str
    baseline: str
    baseline_sha256: str
    pairs: int
    median: float | None
    baseline_median: float | None
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.model} beside {self.baseline} on {self.backend} of {self.device}"


def compare_to_baselines(runs: Sequence[StoredRun], sessions: Sequence[StoredSession]) -> tuple[Comparison, ...]:
    """Return the comparisons of the runs that have a baseline."""
    found: list[Comparison] = []
    for run in runs:
        if baseline := run.settings.get("baseline"):
            found += _compare(run.id, baseline, [one for one in sessions if one.run_id == run.id])
    return tuple(found)


def _compare(run: str, baseline: str, sessions: Sequence[StoredSession]) -> list[Comparison]:
    medians = Medians()
    medians.add(read_sessions(sessions))
    # Tried is enough: a row that failed is one that could not be judged, not one that was never asked for.
    tried = dict.fromkeys((place_of(one), one.model) for one in sessions)
    artifacts = {one.model: one.artifact_sha256 for one in sessions}
    places = dict.fromkeys(place for place, _ in tried)
    others = [model for model in dict.fromkeys(model for _, model in tried) if model != baseline]
    return [
        _comparison(run, place, model, baseline, medians, artifacts)
        for place in places
        for model in others
        if (place, model) in tried or (place, baseline) in tried
    ]


def _comparison(
    run: str, place: Place, model: str, baseline: str, medians: Medians, artifacts: Mapping[str, str]
) -> Comparison:
    found = medians.ratio(model, baseline, place)
    ratio, pairs = found if found else (None, 0)
    return Comparison(
        run=run,
        device=place.device,
        serial_hash=place.serial_hash,
        backend=place.backend,
        model=model,
        artifact_sha256=artifacts.get(model, ""),
        baseline=baseline,
        baseline_sha256=artifacts.get(baseline, ""),
        pairs=pairs,
        median=medians.median(model, place) if medians.turns(model, place) else None,
        baseline_median=medians.median(baseline, place) if medians.turns(baseline, place) else None,
        ratio=ratio.value if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
    )
