"""Running a bench under a live table: a row a device."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sdkgen import console
from sdkgen.bench.runs.bench import Bench

if TYPE_CHECKING:
    from rich.table import Table


def run(job: Bench) -> None:
    """Run the bench under a live table; after an interrupt, say what was kept."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not console.err.is_terminal:
            serials = ", ".join(found.serial for found in job.devices)
            console.note(f"Measuring {len(job.cells)} cells, {job.settings.passes} sessions each, on {serials}")
            job.run()
            return
        from rich.live import Live

        with Live(console=console.err, transient=True, refresh_per_second=4) as live:
            job.run(lambda: live.update(_table(job)))
    except KeyboardInterrupt:
        kept = len(job.store.sessions([job.run_id])) if job.run_id else 0
        console.note(f"Stopped; the processes on the devices are killed, {kept} finished sessions are kept")
        raise


def _table(job: Bench) -> Table:
    from rich.table import Table

    table = Table("device", "phase", "cell", "sessions", "°C", "median so far", box=None, header_style="bold")
    for one in job.progress.values():
        warm = f"{one.temperature:.0f}" if one.temperature is not None else "–"
        median = f"{one.median_ms:.2f} ms" if one.median_ms is not None else "–"
        name = f"{one.label} ({one.serial})" if one.label and one.label != one.serial else one.serial
        table.add_row(console.safe(name), one.phase, console.safe(one.cell), f"{one.done}/{one.total}", warm, median)
    return table
