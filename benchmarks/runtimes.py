"""What the converted files cost on a CPU, beside the released ones, on every version of LiteRT that an app may hold.

    python -m benchmarks.runtimes [MODEL…] [--version VERSION …] [--seconds N] [--json]

Each version is installed apart, once, and runs in one process of its own, in which the files of a model take turns: see
graphs.py, which times them. A figure is the file's time as a share of the released file's; the goal is 1.03 or less
everywhere, and 0.90 or less for blazeface-back with one output.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import graphs
from tests.runtimes import packages

FILES = (graphs.DEFAULT, graphs.STANDARD, graphs.BYTES)
TIMER = Path(graphs.__file__)


def measure(models: list[str], versions: list[str], seconds: float) -> dict[str, Any]:
    """Return what graphs.py says of the models, by version."""
    with tempfile.TemporaryDirectory() as folder:
        graphs.make(Path(folder), models, FILES)
        asked = ("time", folder, "--json", "--seconds", str(seconds))
        return {version: json.loads(packages.run(version, TIMER, *asked)) for version in versions}


def table(models: list[str], told: dict[str, Any]) -> str:
    """Return a Markdown table: a line a version and file, a column a model."""
    lines = [f"| LiteRT | file | {' | '.join(models)} |", f"|---|---|{'---|' * len(models)}"]
    for version, one in told.items():
        for file in FILES:
            ratios = [one["models"][model]["graphs"][file]["of_released"] for model in models]
            lines.append(f"| {version} | {file} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="models; all with a released file if none is named")
    parser.add_argument("--version", action="append", choices=packages.VERSIONS, help="may be given again; else all")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to time each model on each version")
    parser.add_argument("--json", action="store_true", help="print all times as JSON")
    given = parser.parse_args()
    models = given.models or list(graphs.DEFAULT_MODELS)
    told = measure(models, given.version or list(packages.VERSIONS), given.seconds)
    if given.json:
        print(json.dumps(told, indent=1))
    else:
        print(next(iter(told.values()))["machine"] + "\n\n" + table(models, told))


if __name__ == "__main__":
    main()
