"""Parse events to nodes: keys, anchors, aliases and merge keys; refuses what a spec has no use for.

Works with a stack of its own, so nesting cannot exhaust Python's, and stops early: at the first event
that nests too deep, at the first alias that makes the document too large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pgdeploy.spec.event import c_events, place_of, pure_events
from pgdeploy.spec.node import Entry, Node, mapping, sequence
from pgdeploy.spec.place import Fault, Place
from pgdeploy.spec.scalar import resolve
from pgdeploy.spec.source import FaultError
from pgdeploy.text.one_line import escape

# A spec nests six or seven levels; pydantic and JSON have limits of their own far above this one.
MAX_DEPTH = 50
# How many values all aliases of a document may stand for together.
MAX_ALIASED = 100_000

_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Document:
    """The root mapping of a file, and the faults that did not stop its reading."""

    root: Node
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read."""

    place: Place
    anchor: str | None
    keyed: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merged: list[Mapping[str, Entry]] = field(default_factory=list)
    key: _Key | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that waits for its value; `name` is None for one that was refused."""

    name: str | None
    place: Place
    merge: bool = False


def compose(text: str, file: str) -> Document:
    """The document in a text; an empty one is an empty mapping. Raises FaultError."""
    return _compose_quickly(text, file) or _compose(pure_events(text, file), file)


def _compose_quickly(text: str, file: str) -> Document | None:
    """The document by the C parser, if nothing at all is wrong with it."""
    try:
        events = c_events(text)
        document = None if events is None else _compose(events, file)
    except Exception:  # noqa: BLE001 - whatever is wrong, the pure parser says it, on every machine alike
        return None
    return None if document is None or document.faults else document


def _compose(events: Iterable[Event], file: str) -> Document:
    composer = _Composer(file)
    for event in events:
        composer.take(event)
    return composer.finish()


class _Composer:
    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Node | None] = {}  # None: still open, so an alias would be a cycle
        self.aliased = 0
        self.documents = 0
        self.root: Node | None = None

    def take(self, event: Event) -> None:
        """Add one event to the tree."""
        match event:
            case ScalarEvent():
                self._scalar(event)
            case MappingStartEvent() | SequenceStartEvent():
                self._open(event, keyed=isinstance(event, MappingStartEvent))
            case MappingEndEvent() | SequenceEndEvent():
                self._close()
            case AliasEvent():
                self._alias(event)
            case DocumentStartEvent():
                self._document(event)

    def finish(self) -> Document:
        """The document. Raises FaultError if it is not a mapping."""
        start = Place(self.file, 1, 1)
        root = self.root
        if root is None or root.content is None:
            root = mapping({}, start)
        if not isinstance(root.content, Mapping):
            raise self._stop(root.place, "a spec is a mapping (key: value); this is something else")
        return Document(root, tuple(self.faults))

    def _document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        place = place_of(event.start_mark, self.file)
        if self.documents > 1:
            raise self._stop(place, "a second document starts here; a spec is one document")
        if event.tags or (event.version and tuple(event.version) != (1, 2)):
            raise self._stop(place, "directives (%YAML, %TAG) are not used in specs; remove them")

    def _scalar(self, event: ScalarEvent) -> None:
        text = event.value
        plain = event.implicit[0] and not event.style
        place = place_of(event.start_mark, self.file) if text or not plain else self._nowhere()
        self._refuse_tag(event, place)
        if plain and text == _MERGE and self._wants_key():
            self.stack[-1].key = _Key(None, place, merge=True)
            return
        try:
            node = Node(resolve(text) if plain else _checked(text), place)
        except ValueError as error:
            self.faults.append(Fault(place, str(error)))
            node = Node(None, place)
        self._remember(event.anchor, node)
        self._add(node, place)

    def _nowhere(self) -> Place:
        """The place of a value that is left out: the parsers differ on it, so it is its key's."""
        if not self.stack:
            return Place(self.file, 1, 1)
        frame = self.stack[-1]
        return frame.place if frame.key is None else frame.key.place

    def _open(self, event: MappingStartEvent | SequenceStartEvent, keyed: bool) -> None:
        place = place_of(event.start_mark, self.file)
        self._refuse_tag(event, place)
        if len(self.stack) >= MAX_DEPTH:
            raise self._stop(place, f"nests deeper than {MAX_DEPTH} levels")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(place, event.anchor, keyed))

    def _close(self) -> None:
        frame = self.stack.pop()
        if frame.keyed:
            node = mapping(self._with_merged(frame), frame.place)
        else:
            node = sequence(tuple(frame.items), frame.place)
        self._remember(frame.anchor, node)
        self._add(node, frame.place)

    def _alias(self, event: AliasEvent) -> None:
        # The name is not repeated: it may be a password that nobody quoted.
        place = place_of(event.start_mark, self.file)
        if event.anchor not in self.anchors:
            raise self._stop(place, "alias (*name) without an anchor; quote a text that starts with *")
        node = self.anchors[event.anchor]
        if node is None:
            raise self._stop(place, "alias (*name) inside its own anchor: it would contain itself")
        self.aliased += node.size
        if self.aliased > MAX_ALIASED:
            raise self._stop(place, f"aliases stand for more than {MAX_ALIASED:,} values")
        if len(self.stack) + node.height > MAX_DEPTH:
            raise self._stop(place, f"nests deeper than {MAX_DEPTH} levels")
        self._add(node, place)

    def _add(self, node: Node, place: Place) -> None:
        """Put a finished node where it belongs; `place` is where it is used."""
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if not frame.keyed:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = self._key(node, place)
        else:
            self._put(frame, frame.key, node)
            frame.key = None

    def _wants_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].keyed and self.stack[-1].key is None

    def _key(self, node: Node, place: Place) -> _Key:
        content = node.content
        if isinstance(content, str):
            return _Key(content, place)
        if isinstance(content, (tuple, Mapping)):
            self.faults.append(Fault(place, "a list or mapping cannot be a key; keys are text"))
        else:
            self.faults.append(Fault(place, f"key {_spell(content)} is not text; quote it"))
        return _Key(None, place)

    def _put(self, frame: _Frame, key: _Key, node: Node) -> None:
        if key.merge:
            self._merge(frame, key, node)
        elif key.name is not None and key.name in frame.entries:
            first = frame.entries[key.name].place
            message = f"key {_short(key.name)} is already at line {first.line}, column {first.column}"
            self.faults.append(Fault(key.place, message))
        elif key.name is not None:
            frame.entries[key.name] = Entry(key.place, node)

    def _merge(self, frame: _Frame, key: _Key, node: Node) -> None:
        sources = node.content if isinstance(node.content, tuple) else (node,)
        found = [source.content for source in sources if isinstance(source.content, Mapping)]
        if len(found) == len(sources):
            frame.merged.extend(found)
        else:
            self.faults.append(Fault(key.place, "<< takes a mapping or a list of mappings"))

    def _with_merged(self, frame: _Frame) -> dict[str, Entry]:
        """The entries, and those of `<<` that they do not override; earlier sources win."""
        entries = dict(frame.entries)
        for source in frame.merged:
            for name, entry in source.items():
                entries.setdefault(name, entry)
        return entries

    def _remember(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self.anchors[anchor] = node

    def _refuse_tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        if event.tag is not None:
            raise self._stop(place, "tags (!...) are not used in specs; quote a text that starts with !")

    def _stop(self, place: Place, message: str) -> FaultError:
        return FaultError(Fault(place, message))


def _checked(text: str) -> str:
    """The text, if PostgreSQL and UTF-8 can hold it: escapes can spell what they cannot."""
    if "\0" in text:
        raise ValueError("the character NUL cannot be stored by PostgreSQL")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("half a surrogate pair is no character; write \\UXXXXXXXX")
    return text


def _spell(value: float | bool | None) -> str:
    return "null" if value is None else str(value).lower()


def _short(name: str) -> str:
    return escape(name if len(name) <= 63 else f"{name[:60]}...")
