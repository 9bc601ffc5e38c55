"""A hot device rests, but a run does not wait for it for ever."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sdkgen.bench.devices.health import Health
from sdkgen.bench.plan import Settings
from sdkgen.bench.runs import bench
from sdkgen.bench.runs.bench import Bench, Progress
from sdkgen.bench.sessions.session import Stopped


def job(monkeypatch: pytest.MonkeyPatch, *found: Health, cooldown: float = 0.0) -> tuple[Any, list[Health]]:
    """Return a bench whose device says these things one after the other, the last one for ever; and what it said."""
    said: list[Health] = []

    def read(_: object) -> Health:
        said.append(found[min(len(said), len(found) - 1)])
        return said[-1]

    monkeypatch.setattr(bench, "_health", read)
    monkeypatch.setattr(bench, "_COOLING_STEP", 0.02)
    made: Any = SimpleNamespace(stop=threading.Event(), settings=Settings(cooldown=cooldown))
    made._rest = lambda workspace, seconds: Bench._rest(made, workspace, seconds)
    return made, said


HOT, LIGHT, COOL = Health(thermal_status=3), Health(thermal_status=1), Health(thermal_status=0)


def test_a_hot_device_rests_until_it_is_cool(monkeypatch: pytest.MonkeyPatch) -> None:
    made, said = job(monkeypatch, HOT, LIGHT, COOL)
    _, health = Bench._rested(made, None, Progress("a"), first=True)  # type: ignore[arg-type]
    assert health == COOL
    assert said == [HOT, LIGHT, COOL]


def test_one_that_stays_warm_is_measured_once_the_run_has_waited_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    made, said = job(monkeypatch, LIGHT)
    state = Progress("a", cooling_left=0.1)
    _, health = Bench._rested(made, None, state, first=True)  # type: ignore[arg-type]
    assert health == LIGHT  # the report says "hot"
    waited = len(said)
    assert waited > 1
    for _ in range(3):  # the next sessions do not wait again
        Bench._rested(made, None, state, first=False)  # type: ignore[arg-type]
    assert len(said) == waited + 3


def test_a_long_rest_keeps_the_devices_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    made, said = job(monkeypatch, COOL, cooldown=0.2)
    monkeypatch.setattr(bench, "_RESTING_STEP", 0.05)
    Bench._rested(made, None, Progress("a"), first=False)  # type: ignore[arg-type]
    assert len(said) >= 3
    made.stop.set()
    with pytest.raises(Stopped):
        Bench._rested(made, None, Progress("a"), first=False)  # type: ignore[arg-type]
