"""The public API of the Swift package as text: one line a declaration, so that a change of it shows in a diff."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

_INHERITED = ("::SYNTHESIZED::",)


def api(graphs: Iterable[Path]) -> str:
    """Return the public declarations in the symbol graphs of some modules, sorted, module by module."""
    parts = []
    for path in graphs:
        graph = json.loads(path.read_text(encoding="utf-8"))
        lines = sorted(
            f"{'.'.join(symbol['pathComponents'])}: {_declaration(symbol)}"
            for symbol in graph["symbols"]
            if not any(mark in symbol["identifier"]["precise"] for mark in _INHERITED)
        )
        conformances = sorted(
            f"{_name(graph, edge['source'])}: {edge.get('targetFallback', edge['target'])}"
            for edge in graph["relationships"]
            if edge["kind"] == "conformsTo" and edge.get("targetFallback", "") not in _IMPLIED
        )
        parts.append("\n".join([f"# {graph['module']['name']}", *lines, "", "## Conformances", *conformances, ""]))
    return "\n".join(parts)


_IMPLIED = {"Swift.Copyable", "Swift.Escapable", "Swift.BitwiseCopyable", "Swift.SendableMetatype"}


def _declaration(symbol: dict[str, object]) -> str:
    fragments = symbol.get("declarationFragments", [])
    assert isinstance(fragments, list)
    return " ".join("".join(fragment["spelling"] for fragment in fragments).split())


def _name(graph: dict[str, list[dict[str, object]]], identifier: str) -> str:
    for symbol in graph["symbols"]:
        if symbol["identifier"]["precise"] == identifier:  # type: ignore[index]
            return ".".join(symbol["pathComponents"])  # type: ignore[arg-type]
    return identifier
