"""What LiteRT's Kotlin interface compiles to, as text, and what compiled classes refer to of it.

``python -m tests.kotlin.litert_api CHECKOUT [VERSION]`` compiles LiteRT's own sources, from a clone of its repository
at github.com/google-ai-edge/LiteRT, and writes ``litert-descriptors.txt`` anew. What an .aar refers to must be in there
with the same descriptor: a constructor with another order of parameters compiles, and ends in NoSuchMethodError on a
phone.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DESCRIPTORS = Path(__file__).with_name("litert-descriptors.txt")
PACKAGE = "com/google/ai/edge/litert"
SOURCES = ("Common", "Environment", "LiteRtException", "Model", "TensorBuffer", "AcceleratorProvider")
"""The sources that the engine needs, and those that they need. ModelProvider.kt would need AndroidX and Guava."""

_CLASS = re.compile(r"^(?:[\w ]+ )?(?:class|interface) ([\w.$]+)(?:<.*?>)?(?: extends ([\w.$]+))?")
_MEMBER = re.compile(r"([\w$.<>]+)\(|([\w$]+);$")


def read() -> dict[str, set[str]]:
    """Return the members of every class, inherited ones included, as ``name:descriptor``."""
    own: dict[str, set[str]] = {}
    parents: dict[str, str] = {}
    current = ""
    for line in DESCRIPTORS.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        if line.startswith(" "):
            own[current].add(line.strip())
        else:
            current, _, parent = line.partition(" < ")
            own[current] = set()
            parents[current] = parent
    members = {}
    for name in own:
        found: set[str] = set()
        ancestor = name
        while ancestor in own:
            found |= {member for member in own[ancestor] if ancestor == name or not member.startswith("<init>")}
            ancestor = parents[ancestor]
        members[name] = found
    return members


def missing(classes: dict[str, bytes]) -> list[str]:
    """Return what the class files in ``classes`` refer to of LiteRT that its own sources do not have."""
    known = read()
    faults = set()
    for content in classes.values():
        for owner, member in references(content):
            if not owner.startswith(f"{PACKAGE}/"):
                continue
            if owner not in known:
                faults.add(owner)
            elif member and member not in known[owner]:
                faults.add(f"{owner} {member}")
    return sorted(faults)


def references(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield each class that a class file names, with the member as ``name:descriptor``, empty for the class itself.

    Source: The Java Virtual Machine Specification, section 4.4.
    """
    sizes = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
    (count,) = struct.unpack_from(">H", content, 8)
    pool: dict[int, tuple[int, bytes]] = {}
    at, index = 10, 1
    while index < count:
        tag = content[at]
        size = 2 + struct.unpack_from(">H", content, at + 1)[0] if tag == 1 else sizes[tag]
        pool[index] = (tag, content[at + 1 : at + 1 + size])
        at += 1 + size
        index += 2 if tag in (5, 6) else 1

    def text(place: int) -> str:
        return pool[place][1][2:].decode("utf-8", "replace")

    def numbers(value: bytes) -> tuple[int, ...]:
        return struct.unpack(f">{len(value) // 2}H", value)

    for tag, value in pool.values():
        if tag == 7:
            yield text(numbers(value)[0]).lstrip("[").removeprefix("L").removesuffix(";"), ""
        elif tag in (9, 10, 11):
            owner, named = numbers(value)
            name, descriptor = numbers(pool[named][1])
            yield text(numbers(pool[owner][1])[0]), f"{text(name)}:{text(descriptor)}"


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
