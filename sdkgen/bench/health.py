"""How a device is doing: battery, heat and clocks, read before and after every session."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Health(BaseModel):
    """A device's state at one moment. None is "unreadable": the device denied or lacks it. It never means zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    battery_level: int | None = None
    """Per cent."""
    battery_temperature: float | None = None
    """Degrees Celsius."""
    plugged: bool | None = None
    thermal_status: int | None = None
    """Android's scale: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown."""
    temperatures: dict[str, float] | None = None
    """Degrees Celsius by the name of the thermal zone."""
    cpu_clocks: tuple[int | None, ...] | None = None
    """The current clock of each CPU in kHz."""
    cpu_maximum_clocks: tuple[int | None, ...] | None = None
    """The highest clock of each CPU in kHz."""
    cpu_governors: tuple[str | None, ...] | None = None
    gpu_clock: int | None = None
    """In Hz."""
    load: float | None = None
    """Processes running or waiting, averaged over the last minute."""
