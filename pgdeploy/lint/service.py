"""PGD77x: containers that `services:` declares: which image they are, who reaches them, what they may take."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.layers import layer_of
from pgdeploy.lint.rule import Hit, Severity, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.service import AnyService, RedisService
from pgdeploy.spec.place import Keys
from pgdeploy.text.quantity import shown

_IMAGE = "docs/services.md, The image"
_PORTS = "docs/services.md, Who reaches it"
_LIMITS = "docs/services.md, Limits"
_EVERYWHERE = ("0.0.0.0:", "[::]:")
_PER_CENT = 0.8


def _services(subject: Subject) -> Iterator[tuple[str, Keys, AnyService]]:
    """The address, the place and the body of each."""
    section = layer_of("service").of(subject.spec)
    for name, service in section.containers.items() if section is not None else ():
        yield f"service[{name}]", ("services", "containers", name), service


@rule("PGD771", Severity.WARNING, "the image's tag is latest", _IMAGE)
def latest(subject: Subject) -> Iterator[Hit]:
    """The tag latest, or one that begins with it such as latest-pg15, is another image after each pull: two
    hosts of one spec run two versions, a host that is set up again gets a third, and nobody can go back to
    the one that worked. A server of another major version does not even start on its data. Write the
    version, such as postgres:17.6, and change it in the spec when you mean to."""
    for address, keys, service in _services(subject):
        tag = service.image.rpartition(":")[2]
        if tag.split("-")[0] == "latest":
            yield Hit(
                address, (*keys, "image"), f"{service.image} is another image tomorrow; write its version"
            )


@rule("PGD772", Severity.NOTE, "the image has no digest", _IMAGE)
def no_digest(subject: Subject) -> Iterator[Hit]:
    """A tag is a name that whoever owns the repository can give to another image, and official images are
    built again under the same tag with each patch of what is in them. With a digest every host runs the same
    bytes, and what was tested is what is deployed. Write `digest:` as `docker image ls --digests` shows it,
    and let `max_age:` remind you of patches."""
    for address, keys, service in _services(subject):
        if service.digest is None:
            yield Hit(
                address, (*keys, "image"), f"{service.image} may change under its name; write `digest:`"
            )


@rule("PGD773", Severity.WARNING, "a port is offered on every address", _PORTS)
def everywhere(subject: Subject) -> Iterator[Hit]:
    """A published port on 0.0.0.0 is open on each of the host's networks, and the engine's own rules let it
    past a firewall that nftables or ufw set up for the host. Write the address of the network that has the
    clients, or 127.0.0.1 where they are on the host; clients in containers need no published port at all,
    they share a network with it."""
    for address, keys, service in _services(subject):
        for number, port in enumerate(service.ports):
            if port.startswith(_EVERYWHERE):
                yield Hit(address, (*keys, "ports", number), f"{port} is open on every network of the host")


@rule("PGD774", Severity.WARNING, "a container may take all memory of its host", _LIMITS)
def no_limit(subject: Subject) -> Iterator[Hit]:
    """Without a limit one container that grows takes the memory of all others, and the kernel ends whichever
    process it thinks best: a PostgreSQL whose backend is killed ends every session and recovers. Write
    `memory:`, with room for shared_buffers, work_mem of all sessions and the page cache, or for Redis's
    maxmemory and the copy that a snapshot needs."""
    for address, keys, service in _services(subject):
        if service.memory is None:
            yield Hit(address, keys, "may take all memory of its host; write `memory:`")


@rule("PGD775", Severity.ERROR, "Redis may keep more than its container may have", _LIMITS)
def too_much(subject: Subject) -> Iterator[Hit]:
    """Redis evicts keys, or refuses to write, at maxmemory; the kernel ends it at the container's limit, with
    all that was not written yet. What it keeps is not all that it needs: buffers of clients, fragments and
    the pages that change during a snapshot come on top. Let maxmemory be at most 80% of `memory:`; left out
    it is as much as there is."""
    from pgdeploy.layers.service.redis.setting import canonical

    for address, keys, service in _services(subject):
        if not isinstance(service, RedisService) or service.memory is None:
            continue
        written = canonical("maxmemory", service.settings.get("maxmemory", 0))
        limit, most = bytes_of(service.memory), int(written) if written.isdecimal() else 0
        if most == 0 or most > _PER_CENT * limit:
            said = shown(most, "B") if most else "not said, so it is as much as there is"
            message = f"maxmemory is {said}, and the container may have {shown(limit, 'B')}"
            place = (*keys, "settings", "maxmemory") if "maxmemory" in service.settings else keys
            yield Hit(address, place, message)


RULES = (latest, no_digest, everywhere, no_limit, too_much)
