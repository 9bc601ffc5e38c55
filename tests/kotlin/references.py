"""What compiled classes refer to of a library that cannot be fetched here, and whether that library has it.

A list of descriptors has a line a class, with its parent where that matters (``class < parent``), and below it an
indented line a member, ``name:descriptor``. What is compiled against declarations must be in there: a constructor with
another order of parameters compiles, and ends in NoSuchMethodError on a phone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path


def read(descriptors: Path) -> dict[str, set[str]]:
    """Return the members of every class, inherited ones included, as ``name:descriptor``."""
    own: dict[str, set[str]] = {}
    parents: dict[str, str] = {}
    current = ""
    for line in descriptors.read_text().splitlines():
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


def missing(classes: dict[str, bytes], package: str, descriptors: Path) -> list[str]:
    """Return what the class files in ``classes`` refer to below ``package`` that is not among the ``descriptors``."""
    known = read(descriptors)
    faults = set()
    for content in classes.values():
        for owner, member in references(content):
            if not owner.startswith(f"{package}/"):
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
