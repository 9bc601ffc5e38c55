"""The public interface of the compiled library, as text: what a release must not change by accident.

``python -m tests.kotlin.api CLASSES SOURCES`` writes the committed ones anew: ``api.txt``, and ``api-track.txt`` for a
library that tracks.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.kotlin.variants import PACKAGE, TRACK_PACKAGE

DUMPS = {
    PACKAGE: Path(__file__).with_name("api.txt"),
    TRACK_PACKAGE: Path(__file__).with_name("api-track.txt"),
}
"""The committed interface of the variant in each package."""

_PUBLIC = re.compile(r"^\s*public (?:[a-z]+ )*?(?:class|interface|object|companion object)\s*(\w*)", re.MULTILINE)
_HIDDEN_CONSTRUCTOR = re.compile(r"class (\w+)(?: @\w+)? (?:internal|private) constructor")

_OTHER = "    public constructor("

_INTERNAL = re.compile(r"access\$|\$litert(\$default)?\(")
"""Members that Kotlin mangles because they are internal to the module, or makes for nested classes."""


def dump(classes: Path, sources: Path, package: str) -> str:
    """Return the public classes of ``package`` with their public members, without what Kotlin calls internal.

    ``classes`` and ``sources`` are the roots: the class files do not tell internal from public by themselves.
    """
    folder = Path(*package.split("."))
    texts = [file.read_text() for file in sorted((sources / folder).glob("*.kt"))]
    public = {name or "Companion" for text in texts for name in _PUBLIC.findall(text)}
    # A class whose first constructor is hidden may have others that are not.
    hidden = {name for text in texts if _OTHER not in text for name in _HIDDEN_CONSTRUCTOR.findall(text)}
    files = sorted(file for file in (classes / folder).glob("*.class") if set(file.stem.split("$")) <= public)
    listed = subprocess.run(["javap", "-public", *map(str, files)], capture_output=True, text=True, check=True).stdout
    lines = []
    for line in listed.splitlines():
        constructor = re.match(r"\s+public (?:[\w.]+\.)?([\w$]+)\(", line)
        if line.startswith("Compiled from") or _INTERNAL.search(line):
            continue
        if constructor and (constructor[1].split("$")[-1] in hidden or "DefaultConstructorMarker" in line):
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for each, place in DUMPS.items():
        place.write_text(dump(Path(sys.argv[1]), Path(sys.argv[2]), each))
