"""The file that ``sdkgen tune`` writes and ``sdkgen build --tuned`` reads: what was chosen for a model, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from sdkgen import __version__
from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.report.paired import Place
from sdkgen.bench.tuning.search import RELEASED, Candidate, Tuning
from sdkgen.errors import UsageError
from sdkgen.files import whole_file
from sdkgen.formats import InputType, Layout, Precision
from sdkgen.spec.base import Strict, read_toml
from sdkgen.spec.model import ModelSpec

SCHEMA = 1


class _Head(Strict):
    """What any version of the file begins with."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int
    sdkgen: str
    model: str
    target: str


class Choice(Strict):
    """How the artifact is to be converted."""

    variant: str
    layout: Layout
    precision: Precision
    input: InputType

    @property
    def label(self) -> str:
        """What tables call it."""
        return Candidate(self.variant, self.layout, self.precision, self.input).label


class Row(Strict):
    """A candidate at one place. Ratios are of session medians, paired by turn, with their 95 % interval."""

    candidate: str
    median_ms: float
    sessions: int
    to_default: float
    to_default_interval: tuple[float, float] | None = None
    to_released: float | None = None
    to_released_interval: tuple[float, float] | None = None


class PlaceRecord(Strict):
    """A device and a backend, and what was measured there."""

    device: str
    backend: str
    identity: dict[str, str | int | bool]
    rows: tuple[Row, ...]


class Tuned(Strict):
    """The whole file."""

    schema_version: int
    sdkgen: str
    created: str
    model: str
    weights_sha256: str
    target: Literal["android"]
    runner: str
    runs: tuple[str, ...]
    versions: dict[str, str]
    is_default: bool
    choice: Choice
    dropped: dict[str, str]
    places: tuple[PlaceRecord, ...]


def describe(
    tuning: Tuning,
    candidates: dict[str, Candidate],
    spec: ModelSpec,
    identities: dict[str, Identity],
    *,
    runner: str,
    runs: list[str],
    versions: dict[str, str],
) -> Tuned:
    """Return the record of a search; ``candidates`` by their labels, ``identities`` by the hash of the serial."""
    chosen = candidates[tuning.choice()]
    return Tuned(
        schema_version=SCHEMA,
        sdkgen=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=spec.name,
        weights_sha256=spec.weights.sha256,
        target="android",
        runner=runner,
        runs=tuple(runs),
        versions=versions,
        is_default=chosen.label == tuning.default,
        choice=Choice(
            variant=chosen.variant, layout=chosen.layout, precision=chosen.precision, input=chosen.input_type
        ),
        dropped=tuning.dropped,
        places=tuple(_place(tuning, place, identities[place.serial_hash]) for place in tuning.places),
    )


def _place(tuning: Tuning, place: Place, identity: Identity) -> PlaceRecord:
    rows = []
    for label in tuning.measured:
        ratio = tuning.ratio(label, tuning.default, place)
        released = tuning.ratio(label, RELEASED, place)
        if ratio is not None:
            rows.append(
                Row(
                    candidate=label,
                    median_ms=tuning.median(label, place),
                    sessions=tuning.turns(label, place),
                    to_default=ratio.value,
                    to_default_interval=_pair(ratio.low, ratio.high),
                    to_released=released.value if released else None,
                    to_released_interval=_pair(released.low, released.high) if released else None,
                )
            )
    known = identity.model_dump(mode="json", exclude_none=True)
    return PlaceRecord(
        device=place.device,
        backend=place.backend,
        identity={name: value for name, value in known.items() if isinstance(value, (str, int, bool))},
        rows=tuple(sorted(rows, key=lambda row: row.to_default)),
    )


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return (low, high) if low is not None and high is not None else None


def write(tuned: Tuned, path: Path) -> None:
    """Write the file, whole or not at all."""
    import tomli_w

    data = tuned.model_dump(mode="json", exclude_none=True)
    with whole_file(path) as target:
        target.write_text(tomli_w.dumps(data), encoding="utf-8")


def read(path: Path, *, model: str, target: str) -> Tuned:
    """Return what a file says, for building ``model`` for ``target``.

    Raises ``SpecError`` if it is no such file, ``UsageError`` with the reason if it was made for something else.
    """
    head = read_toml(path, _Head)  # first, as the rest of another version's may be anything
    faults = {
        "model": (head.model, model),
        "target": (head.target, target),
        "sdkgen": (head.sdkgen, __version__),
        "schema": (str(head.schema_version), str(SCHEMA)),
    }
    for what, (found, wanted) in faults.items():
        if found != wanted:
            raise UsageError(
                f"the file was tuned for another {what}: {found}, not {wanted}",
                context=str(path),
                hint="sdkgen tune measures for Android: leave out --tuned."
                if what == "target"
                else f"Make one for this build: sdkgen tune --model {model} --out FILE.",
                reference="tuned-for-another",
            )
    return read_toml(path, Tuned)
