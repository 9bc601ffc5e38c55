"""What a device says of its heat while it is measured."""

from __future__ import annotations

from sdkgen.bench.devices.health import Health
from sdkgen.bench.devices.heat import HEAT, Heat
from sdkgen.bench.report.model import throttled
from tests.bench.pretend import Pretend, says


def test_the_worst_of_many_looks_is_kept() -> None:
    heat = Heat()
    for line in ("heat 0 2000 3000", "heat 2 1500 -", "heat 1 2000 2500", "nonsense \x1b", "heat - 9 9 9", ""):
        heat.add(line)
    assert heat.worst == Health(thermal_status=2, cpu_maximum_clocks=(1500, 2500))
    assert throttled(Health(thermal_status=0), heat.worst)
    assert Heat().worst is None


def test_a_device_is_asked_in_one_line() -> None:
    said = Pretend(dumpsys=says(thermalservice="IsStatusOverride: false\nThermal Status: 3\n  Status: 9")).shell(HEAT)
    heat = Heat()
    heat.add(said.text)
    assert said.text.count("\n") == 0
    assert heat.worst is not None
    assert heat.worst.thermal_status == 3


def test_a_device_that_says_nothing_of_it_is_unknown() -> None:
    heat = Heat()
    heat.add(Pretend().shell(HEAT.replace("/sys/devices", "/nowhere")).text)
    assert heat.worst is None
