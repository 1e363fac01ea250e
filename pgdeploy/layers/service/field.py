"""What of a container follows from the spec, as the spec and as the engine has it; where it differs it is made anew.

A field is compared as texts that mean the same in any spelling; those of lists are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.layers.service.compose import log_options
from pgdeploy.layers.service.container import CAPABILITIES, SECRETS
from pgdeploy.model.host.amount import bytes_of, seconds_of
from pgdeploy.model.service import PostgresService
from pgdeploy.secret.command_mask import mask
from pgdeploy.secret.masked import MASK
from pgdeploy.text.naming import listing
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.layers.service.container import Container
    from pgdeploy.layers.service.fact import ContainerFact


class Field(NamedTuple):
    """A field of a container: its name, the key of the spec that says it, and both values.

    Of commands that others wrote no word is `shown` that may be a secret.
    """

    name: str
    key: str
    desired: str
    actual: Callable[[ContainerFact], str]
    shown: Callable[[str], str] = str


def fields(one: Container) -> Iterator[Field]:
    """Every field; of limits those that the spec has."""
    spec = one.spec
    yield Field("name", "kind", one.container, lambda fact: str(fact.data["Name"]).lstrip("/"))
    yield Field("image", "image", plain_image(spec.image), lambda fact: plain_image(fact.config["Image"]))
    yield Field("command", "kind", " ".join(one.command), _command, mask)
    yield Field("entrypoint", "image", "the image's", _entrypoint, mask)
    yield Field(
        "environment", "environment", _variables(one.environment), lambda fact: _environment(one, fact)
    )
    yield Field("user", "image", "the image's", lambda fact: fact.config.get("User") or "the image's")
    yield Field("data", "volume", _data_text(one), lambda fact: _data(one, fact))
    yield Field("mounts", "kind", listing(one.volumes), lambda fact: _mounts(one, fact))
    yield Field("ports", "ports", listing(spec.ports), lambda fact: _ports(one, fact))
    networks = [f"{one.project}_{name}" for name in spec.networks]
    yield Field("networks", "networks", listing(networks), _networks)
    yield from _limits(one)
    yield Field("privileges", "kind", _privileges_text(_OURS), _privileges)
    yield Field("restart", "restart", spec.restart, _restart)
    yield Field("stop", "stop", shown(seconds_of(spec.stop), "s"), _stop)
    yield Field("health_check", "health", _health_text(one), _health, _masked_health)
    yield Field("log", "log", _log_text("json-file", log_options(one)), _log)


def plain_image(name: str) -> str:
    """Its name without what is the same without a word, and without the digest."""
    return name.partition("@")[0].removeprefix("docker.io/").removeprefix("library/")


def _command(fact: ContainerFact) -> str:
    return " ".join(fact.config.get("Cmd") or ())


def _entrypoint(fact: ContainerFact) -> str:
    actual, own = fact.config.get("Entrypoint"), (fact.image.get("Config") or {}).get("Entrypoint")
    return "the image's" if actual == own else " ".join(actual or ("none",))


def _variables(known: Mapping[str, str]) -> str:
    return listing(f"{name}={value}" for name, value in known.items())


def _environment(one: Container, fact: ContainerFact) -> str:
    """Of variables that nobody declared names alone: their values may be secret."""
    own = set((fact.image.get("Config") or {}).get("Env") or ())
    found = []
    for line in fact.config.get("Env") or ():
        name, _, value = line.partition("=")
        if name in one.environment:
            found.append(f"{name}={value}" if value == one.environment[name] or not _hides(name) else name)
        elif line not in own:
            found.append(f"{name} (not declared)")
    return listing(found)


def _hides(name: str) -> bool:
    return "PASSWORD" in name and not name.endswith("_FILE")


def has_data_elsewhere(one: Container, fact: ContainerFact) -> bool:
    """Whether it may have written where a container that is made as declared would not look."""
    started = not str(fact.state["StartedAt"]).startswith("0001-")
    return started and _data(one, fact).removesuffix(_READ_ONLY) != _data_text(one)


_READ_ONLY = ", read-only"


def _data_text(one: Container) -> str:
    return f"{one.volume(one.data)} at {one.data}"


def _data(one: Container, fact: ContainerFact) -> str:
    variables = dict(line.partition("=")[::2] for line in fact.config.get("Env") or ())
    folder = variables.get("PGDATA", one.data) if isinstance(one.spec, PostgresService) else one.data
    mount = mount_of(fact.data["Mounts"], folder)
    if mount is None:
        return f"{folder} in the container itself, which goes with it"
    where = mount.get("Name") if mount["Type"] == "volume" else f"{mount['Type']} {mount.get('Source', '')}"
    return f"{where} at {mount['Destination']}" + ("" if mount["RW"] else _READ_ONLY)


def mount_of(mounts: Sequence[Mapping[str, Any]], folder: str) -> Mapping[str, Any] | None:
    """The one that a folder is in; None where it is in the container itself."""
    holding = [one for one in mounts if f"{folder}/".startswith(one["Destination"].rstrip("/") + "/")]
    return max(holding, key=lambda one: len(one["Destination"]), default=None)


def _mounts(one: Container, fact: ContainerFact) -> str:
    return listing(mount["Destination"] + _oddity(one, mount) for mount in fact.data["Mounts"])


def _oddity(one: Container, mount: Mapping[str, Any]) -> str:
    """What is not usual of a mount; which volume holds the data is `data`'s."""
    if mount["Type"] != "volume":
        return f" ({mount['Type']})"
    if mount["Destination"] != SECRETS:
        return ""
    other = "" if mount.get("Name") == one.volume(SECRETS) else f" of {mount.get('Name')}"
    return f"{other} (written to)" if mount["RW"] else other


def _ports(one: Container, fact: ContainerFact) -> str:
    if fact.host.get("PublishAllPorts"):
        return "all ports of the image, on every address"
    found = []
    for inner, places in (fact.host.get("PortBindings") or {}).items():
        own = "" if inner == f"{one.port}/tcp" else f" to {inner}"
        for place in places or ():
            address = place.get("HostIp") or "0.0.0.0"  # noqa: S104 - what the engine means by nothing
            found.append(f"{f'[{address}]' if ':' in address else address}:{place['HostPort']}{own}")
    return listing(found)


def _networks(fact: ContainerFact) -> str:
    return listing(fact.data["NetworkSettings"]["Networks"])


def _limits(one: Container) -> Iterator[Field]:
    spec = one.spec
    if spec.memory is not None:
        yield Field(
            "memory", "memory", _bytes(bytes_of(spec.memory)), lambda fact: _bytes(fact.host["Memory"])
        )
    if spec.cpus is not None:
        yield Field("cpus", "cpus", f"{spec.cpus:g}", _cpus)
    if spec.processes is not None:
        yield Field(
            "processes",
            "processes",
            str(spec.processes),
            _processes,
        )
    if isinstance(spec, PostgresService):
        size = _bytes(bytes_of(spec.shared_memory))
        yield Field("shared_memory", "shared_memory", size, lambda fact: _bytes(fact.host["ShmSize"]))


def _processes(fact: ContainerFact) -> str:
    return str(fact.host["PidsLimit"] or "no limit")


def _bytes(number: int) -> str:
    return f"{number} B" if number else "no limit"


def _cpus(fact: ContainerFact) -> str:
    nano, period, quota = (fact.host.get(key) or 0 for key in ("NanoCpus", "CpuPeriod", "CpuQuota"))
    number = nano / 1e9 if nano else quota / (period or 100_000)
    return f"{number:g}" if number > 0 else "no limit"


_OURS: Mapping[str, Any] = {
    "CapDrop": ["ALL"],
    "CapAdd": list(CAPABILITIES),
    "SecurityOpt": ["no-new-privileges:true"],
}
_SHARED = {
    "PidMode": "processes of",
    "IpcMode": "shared memory of",
    "UTSMode": "name of",
    "UsernsMode": "users of",
}
_ITS_OWN = (None, "", "private", "shareable")


def _privileges_text(host: Mapping[str, Any]) -> str:
    """What the container may, and shares with the host."""
    dropped = {str(one).removeprefix("CAP_") for one in host.get("CapDrop") or ()}
    added = {str(one).removeprefix("CAP_") for one in host.get("CapAdd") or ()}
    options = {
        str(one).replace("no-new-privileges:true", "no-new-privileges")
        for one in host.get("SecurityOpt") or ()
    }
    parts = [f"capabilities {listing(added)}" + ("" if "ALL" in dropped else " beside the usual ones")]
    parts += sorted(options)
    parts += ["privileged"] if host.get("Privileged") else []
    parts += [f"{words} {host[key]}" for key, words in _SHARED.items() if host.get(key) not in _ITS_OWN]
    parts += [f"device {one.get('PathOnHost')}" for one in host.get("Devices") or ()]
    parts += [f"devices of {one.get('Driver') or 'a driver'}" for one in host.get("DeviceRequests") or ()]
    parts += [f"group {one}" for one in host.get("GroupAdd") or ()]
    return "; ".join(parts)


def _privileges(fact: ContainerFact) -> str:
    return _privileges_text(fact.host)


def _restart(fact: ContainerFact) -> str:
    policy = fact.host["RestartPolicy"]
    most = policy.get("MaximumRetryCount")
    return (policy["Name"] or "no") + (f", {most} times at most" if most else "")


def _stop(fact: ContainerFact) -> str:
    return shown(fact.config.get("StopTimeout") or 10, "s")


def _masked_health(text: str) -> str:
    """The spans are no part of its command."""
    command, semicolon, spans = text.rpartition("; ")
    kind, space, words = command.partition(" ")
    return f"{kind}{space}{mask(words)}{semicolon}{spans}"


def _health_text(one: Container) -> str:
    health = one.spec.health
    spans = [seconds_of(text) for text in (health.interval, health.timeout, health.start)]
    return _health_words(one.question, spans, health.retries)


def _health_words(test: Any, spans: list[float], retries: int) -> str:
    every, timeout, start = (shown(span, "s") for span in spans)
    return f"{' '.join(test)}; every {every}, {timeout} each, {retries} retries, after {start}"


def _health(fact: ContainerFact) -> str:
    found = fact.config.get("Healthcheck") or {}
    if not found.get("Test") or found["Test"] == ["NONE"]:
        return "none"
    spans = [(found.get(key) or 0) / 1e9 for key in ("Interval", "Timeout", "StartPeriod")]
    return _health_words(found["Test"], spans, found.get("Retries") or 0)


def _log_text(driver: str, options: Mapping[str, str]) -> str:
    return f"{driver}: {listing(f'{key}={value}' for key, value in options.items())}"


def _log(fact: ContainerFact) -> str:
    found = fact.host["LogConfig"]
    options = dict(found.get("Config") or {})
    if size := options.get("max-size"):
        options["max-size"] = str(_log_size(size))
    shown = {key: value if key in _NO_SECRET else MASK for key, value in options.items()}
    return _log_text(found["Type"], shown)


_NO_SECRET = frozenset({"max-size", "max-file", "max-buffer-size", "compress", "mode"})
"""Options of log drivers; others may be tokens."""


def _log_size(text: str) -> str:
    """The engine's own units: k, m and g are powers of 1024."""
    number, factor = text.lower().rstrip("b"), 1
    if number and number[-1] in "kmg":
        number, factor = number[:-1], 1024 ** ("kmg".index(number[-1]) + 1)
    return str(round(float(number) * factor)) if number.replace(".", "", 1).isdigit() else text
