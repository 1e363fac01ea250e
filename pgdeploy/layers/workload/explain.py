"""What EXPLAIN (ANALYZE, BUFFERS) says of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Explained(NamedTuple):
    """What repeats of a run: its rows, blocks of shared buffers and temporary files, and its plan."""

    rows: int
    buffers: int
    temp: int
    """Bytes written."""
    nodes: tuple[str, ...]
    """The plan, a node a line, as EXPLAIN names them; indented by depth."""
    settings: tuple[str, ...] = ()
    """What decides about plans and is not as PostgreSQL has it: `work_mem = 64kB`."""


def explained(said: Any, block: int) -> Explained:
    """The answer in JSON; `block` is the size of one in bytes."""
    plan = said[0]["Plan"]
    buffers = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    rows = round(plan["Actual Rows"] * plan["Actual Loops"])
    settings = tuple(f"{name} = {value}" for name, value in said[0].get("Settings", {}).items())
    return Explained(
        rows, buffers, plan.get("Temp Written Blocks", 0) * block, tuple(_lines(plan, 0)), settings
    )


def name_of(line: str) -> str:
    """The node of a line of a plan, indented still, without what was estimated and what came."""
    return line.partition(" (")[0]


def _lines(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    loops = f", {node['Actual Loops']} times" if node["Actual Loops"] > 1 else ""
    estimate = f"estimated {node['Plan Rows']} rows, actual {node['Actual Rows']:g}{loops}"
    yield f"{'  ' * depth}{_name(node)} ({estimate})"
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)


def _name(node: Mapping[str, Any]) -> str:
    """As EXPLAIN's text has it."""
    kind = node["Node Type"]
    if kind == "Aggregate":
        kind = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}.get(
            node.get("Strategy", ""), kind
        )
    if kind in ("Hash Join", "Merge Join") and node.get("Join Type", "Inner") != "Inner":
        kind = f"{kind.removesuffix(' Join')} {node['Join Type']} Join"
    if kind == "Nested Loop" and node.get("Join Type", "Inner") != "Inner":
        kind = f"{kind} {node['Join Type']} Join"
    parts = ["Parallel " * bool(node.get("Parallel Aware")) + kind]
    if index := node.get("Index Name"):
        parts.append(f"on {index}" if kind == "Bitmap Index Scan" else f"using {index}")
    if relation := node.get("Relation Name") or node.get("Function Name") or node.get("CTE Name"):
        parts.append(f"on {relation}")
    return " ".join(parts)
