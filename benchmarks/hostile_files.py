"""Damaged and hostile .tflite files: a million mutations of five files, each imported or refused in time and memory.

    python -m benchmarks.hostile_files [--count 1000000] [--seed 0] [--processes 2] [FILE.tflite …]

Without files, five small ones made by hand are mutated, which have what the importer reads; the released ones are given
by their paths (``sdkgen weights fetch`` prints them). Exits 1 if anything but a typed error ended an import, or if one
took more than ten seconds or a gigabyte.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.network.mutations import run, small_files


def main() -> int:
    """Run the mutations and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    files = {path.name: path.read_bytes() for path in chosen.files} or small_files()
    started = time.monotonic()
    ends, faults = run(files, chosen.count, chosen.seed, chosen.processes)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{chosen.count} mutations of {len(files)} files in {seconds:.0f} s\n")
    for end, count in ends.most_common():
        sys.stdout.write(f"  {count:8,} {end}\n")
    for fault in faults[:20]:
        sys.stdout.write(f"  {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
