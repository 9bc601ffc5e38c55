"""What LiteRT's Kotlin interface compiles to, as text.

``python -m tests.kotlin.litert_api CHECKOUT [VERSION]`` compiles LiteRT's own sources, from a clone of its repository
at github.com/google-ai-edge/LiteRT, and writes ``litert-descriptors.txt`` anew, which an .aar's references are held to.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

DESCRIPTORS = Path(__file__).with_name("litert-descriptors.txt")
PACKAGE = "com/google/ai/edge/litert"
SOURCES = ("Common", "Environment", "LiteRtException", "Model", "TensorBuffer", "AcceleratorProvider")
"""The sources that the engine needs, and those that they need. ModelProvider.kt would need AndroidX and Guava."""

_CLASS = re.compile(r"^(?:[\w ]+ )?(?:class|interface) ([\w.$]+)(?:<.*?>)?(?: extends ([\w.$]+))?")
_MEMBER = re.compile(r"([\w$.<>]+)\(|([\w$]+);$")


def describe(classes: Path) -> str:
    """Return the public members of the compiled ``classes`` with their descriptors."""
    files = sorted((classes / PACKAGE).glob("*.class"))
    command = ["javap", "-public", "-s", *map(str, files)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines: list[str] = []
    member = ""
    for line in listed.splitlines():
        if found := _CLASS.match(line):
            own, parent = found[1].replace(".", "/"), (found[2] or "").replace(".", "/")
            lines.append(f"{own} < {parent}" if parent.startswith(PACKAGE) else own)
        elif line.strip().startswith("descriptor:"):
            lines.append(f"  {member}:{line.split()[-1]}")
        elif line.startswith("  "):
            named = _MEMBER.search(line)
            assert named, line
            name = (named[1] or named[2]).split(".")[-1]
            member = "<init>" if named[1] and lines and _is_constructor(line, named[1]) else name
    return "\n".join(lines) + "\n"


def _is_constructor(line: str, name: str) -> bool:
    return re.fullmatch(rf"\s*public {re.escape(name)}\(.*", line) is not None


def main(checkout: Path, version: str = "v2.2.0") -> None:
    """Compile LiteRT's sources of ``version`` and write the list."""
    from sdkgen.render import aar  # needs Maven

    show = ["git", "-C", str(checkout), "show"]
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch) / "sources"
        sources.mkdir()
        for name in SOURCES:
            path = f"litert/kotlin/src/main/kotlin/{PACKAGE}/{name}.kt"
            text = subprocess.run([*show, f"{version}:{path}"], capture_output=True, check=True).stdout
            (sources / f"{name}.kt").write_bytes(text)
        classes = aar.compile_sources(Path(scratch) / "library", "litert", sources, strict=False)
        head = (
            f"# What LiteRT {version} ({', '.join(f'{name}.kt' for name in SOURCES)}) compiles to: each class, its\n"
            "# parent, and its public members with their descriptors. python -m tests.kotlin.litert_api remakes it.\n"
        )
        DESCRIPTORS.write_text(head + describe(classes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
