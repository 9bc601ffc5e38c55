"""What a search found, as tables in the terminal: one for each device and backend."""

from __future__ import annotations

from sdkgen import console
from sdkgen.bench.report.notes import pairs_note
from sdkgen.bench.report.text import print_rows
from sdkgen.bench.tuning.file import Row, Tuned

HEADINGS = ("candidate", "median ms", "to released", "95 %", "to default", "95 %", "sessions", "dropped")


def print_tuned(record: Tuned, *, finished: bool) -> None:
    """Print the tables, what was dropped because it failed, and the choice where the search is ``finished``."""
    for place in record.places:
        rows = [_cells(row, record.dropped.get(row.candidate, "")) for row in place.rows]
        counts = [row.sessions for row in place.rows]
        print_rows(HEADINGS, rows, title=f"{place.device}, {place.backend}", note=pairs_note(counts))
    measured = {row.candidate for place in record.places for row in place.rows}
    for label, why in record.dropped.items():
        if label not in measured:
            console.note(f"{label}: {why}")
    if not finished:
        console.note("The search did not come to its end: nothing is chosen")
    elif record.is_default:
        console.note(f"The default wins: nothing is certainly faster than {record.choice.label}")
    else:
        console.note(f"The winner: {record.choice.label}")


def _cells(row: Row, dropped: str) -> tuple[str, ...]:
    return (
        row.candidate,
        f"{row.median_ms:.3f}",
        "–" if row.to_released is None else f"{row.to_released:.3f}",
        _interval(row.to_released_interval),
        f"{row.to_default:.3f}",
        _interval(row.to_default_interval),
        str(row.sessions),
        dropped,
    )


def _interval(found: tuple[float, float] | None) -> str:
    return f"{found[0]:.3f}–{found[1]:.3f}" if found else "–"
