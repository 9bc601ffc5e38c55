"""A measured session as values of JSON: a row of the store, or a line of a file."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.results.series import pack
from sdkgen.bench.sessions.session import Outcome

Provenance: TypeAlias = Literal["measured", "emulated", "published"]
"""Where a figure comes from: a device, an emulated device, or a publication."""


def pack_session(
    run_id: str,
    number: int,
    *,
    identity: Identity,
    transport: str,
    runner: str,
    cell: Cell,
    settings: Settings,
    outcome: Outcome,
    health: tuple[Health | None, Health | None] = (None, None),
    started: str = "",
    host_seconds: float = 0.0,
) -> dict[str, Any]:
    """Return a session with its samples as values of JSON: a row of the store, or a line of a file."""
    error = outcome.error
    packed = pack((one.at_ns, one.run_ns, one.total_ns) for one in outcome.recording.samples)
    row = {
        "run_id": run_id,
        "number": number,
        "started": started or datetime.now(UTC).isoformat(timespec="milliseconds"),
        "status": outcome.status,
        "provenance": "emulated" if identity.emulated else "measured",
        "transport": transport,
        "runner": runner,
        "model": cell.model,
        "artifact_sha256": cell.sha256,
        "backend": cell.backend,
        "threads": cell.threads,
        "precision": cell.precision,
        "paced": settings.paced,
        "record": outcome.recording.model_dump(mode="json", by_alias=True, exclude={"samples"}),
        "health_before": health[0] and health[0].model_dump(mode="json"),
        "health_during": outcome.during and outcome.during.model_dump(mode="json"),
        "health_after": health[1] and health[1].model_dump(mode="json"),
        "error": error and {"reference": error.reference, "message": error.message, "hint": error.hint},
        "log": outcome.log,
        "device_seconds": outcome.device_seconds,
        "host_seconds": host_seconds,
        "reconnects": outcome.reconnects,
        "identity": identity.model_dump(mode="json"),
        "series": base64.b64encode(packed).decode(),
    }
    storable: dict[str, Any] = make_storable(row)
    return storable


def make_storable(value: Any) -> Any:
    """Return JSON values whose text every database takes: no null characters, and nothing but Unicode."""
    if isinstance(value, str):
        return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {make_storable(key): make_storable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_storable(one) for one in value]
    return value
