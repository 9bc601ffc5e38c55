"""How often the gates of ``sdkgen bench`` and ``report`` are wrong: false alarms, and slowdowns that go unseen.

    python -m benchmarks.gate [--trials 1000]        # simulated devices
    python -m benchmarks.gate --real [--trials 3]    # this machine: one model beside itself, and beside a slower one

A simulated session is off by 3 % (normal, each session by itself, also of the reference workload), and a run by 5 %.
The code that judges is the gates' own. "apart" are two runs; "known" is a store that holds eight earlier ones of the
baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdkgen.bench.report.check import judge
from sdkgen.bench.report.spread import ASSUMED, estimate_spread
from sdkgen.bench.results import statistics
from sdkgen.bench.results.statistics import RunSpread
from tests.bench.runners import reference

SESSION_NOISE, RUN_DRIFT = 0.03, 0.05
SESSIONS, EARLIER_RUNS = 5, 8
SLOWDOWN = 1.06
LAYERS = (34, 36)
"""Of the real models: the second has 5.9 % more to compute."""

Noise = np.random.Generator


def sessions(random: Noise, count: int, centre: float) -> NDArray[np.float64]:
    """Return the medians of sessions in which everything but noise takes ``centre``."""
    return centre * random.normal(1, SESSION_NOISE, count)


def judge_paired(random: Noise, slowdown: float, limit: float, passes: int) -> str:
    """Simulate a run with a baseline."""
    drift = random.normal(1, RUN_DRIFT)
    ratios = sessions(random, passes, slowdown * drift) / sessions(random, passes, drift)
    return judge("", statistics.paired_ratio(list(ratios)), limit, passes, "").answer


def judge_apart(random: Noise, slowdown: float, limit: float, *, by_reference: bool, spread: RunSpread | None) -> str:
    """Simulate two runs; ``spread`` is what is taken for theirs, or None for that of earlier runs."""

    def run(centre: float) -> NDArray[np.float64]:
        drift = random.normal(1, RUN_DRIFT)
        times = sessions(random, SESSIONS, centre * drift)
        return times / sessions(random, SESSIONS, drift) if by_reference else times

    before, now = run(1.0), run(slowdown)
    known = spread or estimate_spread([[np.log(run(1.0)).tolist() for _ in range(EARLIER_RUNS)]])
    return judge("", statistics.ratio_between_runs(list(now), list(before), known), limit, SESSIONS, "").answer


def simulate(trials: int) -> None:
    """Print the share of each answer for equal models and for a slower one."""
    none = RunSpread(0.0)
    ways: list[tuple[str, float, Callable[[Noise, float, float], str]]] = [
        ("paired, 5 rounds there and back", 0.03, partial(judge_paired, passes=2 * SESSIONS)),
        ("paired, 5 passes", 0.03, partial(judge_paired, passes=SESSIONS)),
        ("apart, sessions alone (as before)", 0.05, partial(judge_apart, by_reference=False, spread=none)),
        ("apart, ÷ reference, known", 0.05, partial(judge_apart, by_reference=True, spread=None)),
        ("apart, ÷ reference, assumed", 0.05, partial(judge_apart, by_reference=True, spread=ASSUMED)),
        ("apart, known", 0.05, partial(judge_apart, by_reference=False, spread=None)),
        ("apart, assumed", 0.05, partial(judge_apart, by_reference=False, spread=ASSUMED)),
    ]
    print(f"{'':36}limit   A/A slower  not judged   A/B (6 %) slower  not judged")
    for name, limit, way in ways:
        same, slow = (tally(way, slowdown, limit, trials) for slowdown in (1.0, SLOWDOWN))
        shares = [found[answer] / trials for found in (same, slow) for answer in ("slower", "not judged")]
        print(f"{name:36}{limit:5.0%}{shares[0]:12.1%}{shares[1]:12.1%}{shares[2]:16.1%}{shares[3]:14.1%}", flush=True)
    for pairs in (3, 4, 5, 6, 10, 20):
        print(f"an interval over {pairs} pairs holds the true ratio in {cover(pairs, trials):.0%} of all cases")


def tally(way: Callable[[Noise, float, float], str], slowdown: float, limit: float, trials: int) -> Counter[str]:
    """Return how often each answer comes."""
    random = np.random.default_rng(20190711)
    return Counter(way(random, slowdown, limit) for _ in range(trials))


def cover(pairs: int, trials: int) -> float:
    """Return how often the paired interval holds the truth."""
    random = np.random.default_rng(7)
    found = [
        statistics.paired_ratio(list(sessions(random, pairs, 1.0) / sessions(random, pairs, 1.0)))
        for _ in range(trials)
    ]
    return sum((one.low or 9) <= 1 <= (one.high or 0) for one in found) / trials


def measure(trials: int, sessions_each: int, runs: int) -> None:
    """Run ``sdkgen bench --baseline`` on this machine: a model beside itself, and beside one with 5.9 % more to do."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"layers-{layers}.tflite" for layers in LAYERS]
        for path, layers in zip(paths, LAYERS, strict=True):
            path.write_bytes(reference.make(layers))
        for trial in range(trials):
            for name, candidate in (("A/A", paths[0]), ("A/B", paths[1])):
                command = ["bench", "--device=local", "--backend=cpu", f"--baseline={paths[0]}", "--warmup=0.2"]
                command += [f"--artifact={candidate}", f"--sessions={sessions_each}", f"--runs={runs}"]
                print(f"{name} {trial + 1}: {_bench(command, Path(folder))}", flush=True)


def _bench(command: Sequence[str], folder: Path) -> str:
    """Return ratio, interval and answer at 3 % of a bench."""
    env = {**os.environ, "SDKGEN_STORE": str(folder / "results.sqlite"), "SDKGEN_ADB": "direct"}
    whole = [sys.executable, "-m", "sdkgen", *command, "--max-regression=3%", "--json"]
    done = subprocess.run(whole, capture_output=True, text=True, check=False, env=env)
    if not done.stdout:
        return done.stderr
    said = json.loads(done.stdout)
    (one,), (gate,) = said["comparisons"], said["gate"]
    interval = f"95 % {one['low']:.3f}–{one['high']:.3f}" if one["low"] else "no interval"
    return f"ratio {one['ratio']:.3f} ({interval}), {gate['answer']}, exit {done.returncode}"


def main() -> None:
    """Simulate, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    if given.real:
        measure(given.trials or 3, given.sessions, given.runs)
    else:
        simulate(given.trials or 1000)


if __name__ == "__main__":
    main()
