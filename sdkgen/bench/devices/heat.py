"""A short look at a device's heat while it is measured: one line, and next to no work for it."""

from __future__ import annotations

import re

from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.probe import number

HEAT = (
    "heat=$(dumpsys thermalservice 2>/dev/null | grep -m 1 'Thermal Status:'); heat=${heat##*: }; "
    "for at in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_max_freq; do top=-; "
    '{ read -r top <"$at"; } 2>/dev/null; heat="$heat $top"; done; echo "heat ${heat:--}"'
)
"""The command: prints "heat", Android's thermal status, and the highest clock that each CPU may take, in kHz."""

_MOST_CPUS = 1024


class Heat:
    """The worst of many looks."""

    def __init__(self) -> None:
        self._status: int | None = None
        self._clocks: list[int | None] = []

    def add(self, line: str) -> None:
        """Take what a look printed; a line that is none is ignored."""
        found = re.fullmatch(r"heat ?([0-9]{1,3}|-)?((?: \S+)*)", line.strip())
        if not found:
            return
        status, clocks = number(found[1]), [number(word) for word in found[2].split()[:_MOST_CPUS]]
        if status is not None:
            self._status = max(status, self._status or 0)
        before = self._clocks or clocks
        if len(before) == len(clocks):
            self._clocks = [_lower(a, b) for a, b in zip(before, clocks, strict=True)]

    @property
    def worst(self) -> Health | None:
        """The highest status and each CPU's lowest limit; None if there was nothing to read."""
        if self._status is None and not any(self._clocks):
            return None
        return Health(thermal_status=self._status, cpu_maximum_clocks=tuple(self._clocks) or None)


def _lower(one: int | None, other: int | None) -> int | None:
    return min(one, other) if one is not None and other is not None else one if other is None else other
