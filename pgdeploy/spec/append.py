"""`append:` in a file that extends another: lines that come behind those of the base; a list would replace them."""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.spec.node import Entry, Node, mapping, sequence
from pgdeploy.spec.place import Fault, Keys, dotted

KEY = "append"


def apart(root: Node) -> tuple[Node, Entry | None]:
    """A document without `append:`, and what stood there."""
    if not isinstance(root.content, Mapping) or KEY not in root.content:
        return root, None
    entries = dict(root.content)
    more = entries.pop(KEY)
    return mapping(entries, root.place), None if more.node.content is None else more


def appended(base: Node, more: Node, faults: list[Fault], keys: Keys = ()) -> Node:
    """The document with these lines behind its own; where it has none, they are all."""
    if isinstance(base.content, tuple) and isinstance(more.content, tuple):
        return sequence((*base.content, *more.content), base.place)
    if not isinstance(base.content, Mapping) or not isinstance(more.content, Mapping):
        where = f"{KEY}.{dotted(keys)}" if keys else KEY
        faults.append(
            Fault(
                more.place,
                f"{where}: must be a list at the same place as in the spec; write other values without `append:`",
            )
        )
        return base
    entries = dict(base.content)
    for key, entry in more.content.items():
        inherited = entries.get(key)
        node = entry.node
        if inherited is not None and inherited.node.content is not None:
            node = appended(inherited.node, entry.node, faults, (*keys, key))
            entries[key] = Entry(inherited.place, node)
        else:
            entries[key] = entry
    return mapping(entries, base.place)
