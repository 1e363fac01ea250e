"""Checks of services: the container as the engine has it, the files in it, and what its server says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up, same, within
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.errors import Unreadable
from pgdeploy.layers.service.fact import ContainerFact, ProjectFact, RedisFact, moment
from pgdeploy.layers.service.field import Field, fields, has_data_elsewhere
from pgdeploy.layers.service.redis.acl import EVERYTHING, Rights, rights
from pgdeploy.layers.service.redis.setting import canonical
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.service import RedisService
from pgdeploy.text.naming import examples, listing, quoted_name
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.service.container import Container
    from pgdeploy.model.service import ServicesSpec
    from pgdeploy.spec.place import Keys

LAYER = "service"
ABSENT = "absent"
MODE = 0o400
"""Of each file that a container is given: its server reads it, and nobody else."""
_RESTARTED = 3600.0
"""Seconds for which a restart by itself is worth a look."""
_NEEDS_RUNNING = frozenset(
    {"healthy", "restarts", "tls", "certificate", "users", "persistence", "login", "settings"}
)


_MOVED = (
    "nothing is done to this container: one that is made as declared would begin without the data; "
    "name the volume that holds it (`volume:`), or copy it into the declared one"
)


@dataclass(frozen=True, slots=True)
class Service(Resource):
    """One service: its container, and what is in it."""

    layer: ClassVar[str] = LAYER
    kind: ClassVar[str] = "service"
    target: str
    one: Container

    def checks(self) -> Iterator[Check]:
        yield self._check("exists", "kind", self._exists)
        yield self._check("running", "kind", self._running)
        yield self._check("healthy", "health", self._healthy)
        yield self._check("restarts", "restart", self._restarts)
        for field in fields(self.one):
            yield self._check(field.name, field.key, partial(self._field, field))
        if self.one.spec.digest is None:
            yield self._check("current", "image", self._current)
        else:
            yield self._check("digest", "digest", self._digest)
        if self.one.spec.max_age is not None:
            yield self._check("age", "max_age", self._age)
        yield self._check("files", "kind", self._files)
        yield self._check("secrets", "password", self._secrets)
        if not isinstance(self.one.spec, RedisService):
            yield self._check("version", "kind", self._version)
            yield self._check("settings", "kind", self._settings)
        if self.one.spec.tls is not None:
            yield self._check("tls", "tls", self._tls)
            yield self._check("certificate", "tls", self._certificate)
        if isinstance(self.one.spec, RedisService):
            yield self._check("login", "password", self._login)
            yield self._check("users", "users", self._users)
            yield self._check("persistence", "kind", self._persistence)
            yield from self._of_redis(self.one.spec)

    def _of_redis(self, spec: RedisService) -> Iterator[Check]:
        for name, value in spec.settings.items():
            desired = canonical(name, value)
            address = f"service[{self.one.name}: {name}]"
            keys = (*self._keys("settings"), name)
            yield Check(
                self, address, "value", keys, _setting(self.one, name, desired), subject=("setting", name)
            )
        for name, user in spec.users.items():
            address, keys = (
                f"service[{self.one.name}: user {quoted_name(name)}]",
                (*self._keys("users"), name),
            )
            yield Check(
                self,
                address,
                "rules",
                keys,
                _rules(self.one, name, rights(user.rules)),
                subject=("user", name),
            )
            yield Check(self, address, "login", keys, _may_log_in(self.one, name), subject=("user", name))

    def _check(self, field: str, key: str, compare: Callable[[Facts], Outcome]) -> Check:
        return Check(
            self, self.one.label, field, self._keys(key), compare, subject=("service", self.one.name)
        )

    def _keys(self, key: str) -> Keys:
        return ("services", "containers", self.one.name, key)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if check.field == "exists" and check.address == self.one.label:
            return None
        exists, running = (
            self._check("exists", "kind", self._exists),
            self._check("running", "kind", self._running),
        )
        if (reason := held_up(exists, facts)) is not None:
            return reason
        if check.address == self.one.label and not self._needs_running(check, facts):
            return None
        if (reason := held_up(running, facts)) is not None:
            return reason
        login = self._check("login", "password", self._login)
        asked = check.id != login.id and (check.field in _ASKED or check.address != self.one.label)
        return held_up(login, facts) if asked else None

    def _needs_running(self, check: Check, facts: Facts) -> bool:
        empty = check.field == "version" and container_of(facts, self.one).data_version == ""
        return empty or check.field in _NEEDS_RUNNING  # a container that never ran has no data

    # -- its container ---------------------------------------------------------------------------------

    def _exists(self, facts: Facts) -> Outcome:
        there = self.one.name in project_of(facts).containers
        return Outcome(there, "a container", "a container" if there else ABSENT)

    def _running(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        return Outcome(fact.runs, "running", "running" if fact.runs else _state(fact))

    def _healthy(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if fact.health == "starting":
            raise Unreadable("its first check of health has not come to an end yet")
        return same("healthy", fact.health or "nobody asks", remedy=_looked_at(self.one))

    def _restarts(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        since = (datetime.now(UTC) - moment(str(fact.state["StartedAt"]))).total_seconds()
        number = int(fact.data.get("RestartCount") or 0)
        actual = (
            "none by itself"
            if not number or since > _RESTARTED
            else f"restarted by itself, {number} times in all"
        )
        return same("none by itself", actual, remedy=_looked_at(self.one))

    def _field(self, field: Field, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        elsewhere = field.name == "data" and has_data_elsewhere(self.one, fact)
        desired, actual = field.desired, field.actual(fact)
        shown = actual if actual == desired else field.shown(actual)
        return Outcome(actual == desired, desired, shown, remedy=_MOVED if elsewhere else "")

    def _current(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if not fact.tagged:
            raise Unreadable("the engine has no image of this tag any more")
        desired, actual = fact.tagged, str(fact.data["Image"])
        return Outcome(desired == actual, f"the image of its tag, {desired[:19]}", actual[:19])

    def _digest(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        known = [str(one).rpartition("@")[2] for one in fact.image.get("RepoDigests") or ()]
        known.append(str(fact.data["Image"]))
        desired = self.one.spec.digest or ""
        return Outcome(desired in known, desired, desired if desired in known else listing(known))

    def _age(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if "Created" not in fact.image:
            raise Unreadable("its image is gone from the engine")
        age = (datetime.now(UTC) - moment(str(fact.image["Created"]))).total_seconds()
        most = seconds_of(self.one.spec.max_age or "0s")
        text = f"at most {shown(most, 's')} old"
        return within(
            Measured(age, "s", at_most=most), text, f"{shown(age, 's')} old", remedy="a newer image"
        )

    # -- the files in it -------------------------------------------------------------------------------

    def _files(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if isinstance(fact.files, Unreadable):
            raise fact.files
        if fact.uid is None:
            raise Unreadable(f"its image has no user {self.one.os_user}")
        desired = dict.fromkeys(self.one.file_names, f"{MODE:04o}")
        actual = {
            name: f"{one.mode:04o}" + ("" if one.uid == fact.uid else f" of user {one.uid}")
            for name, one in fact.files.items()
        }
        return same(_named(desired), _named(actual))

    def _secrets(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if isinstance(fact.files, Unreadable):
            raise fact.files
        desired = self.one.digests()
        other = [
            name
            for name, digest in desired.items()
            if (found := fact.files.get(name)) and found.digest != digest
        ]
        missing = [name for name in desired if name not in fact.files]
        parts = [f"{listing(other)}: with other contents"] if other else []
        parts += [f"{listing(missing)}: absent"] if missing else []
        return Outcome(not parts, "as the spec has them", "; ".join(parts) or "as the spec has them")

    def _version(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if isinstance(fact.data_version, Unreadable):
            raise fact.data_version
        remedy = "another major version is pg_upgrade's, or a dump's and a restore's; nothing here changes it"
        if not fact.data_version:
            raise Unreadable("its data directory holds no data of PostgreSQL")
        return same(str(self.one.major), fact.data_version, remedy=remedy)

    def _settings(self, facts: Facts) -> Outcome:
        found = container_of(facts, self.one).waiting
        if isinstance(found, Unreadable):
            raise found
        return same("in effect", f"wait for a restart: {listing(found)}" if found else "in effect")

    def _tls(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if isinstance(fact.certificate, Unreadable):
            raise fact.certificate
        filed, shown_ = fact.certificate.filed, fact.certificate.shown
        return Outcome(filed == shown_, f"the certificate {filed[:16]}", _fingerprint(shown_))

    def _certificate(self, facts: Facts) -> Outcome:
        fact = container_of(facts, self.one)
        if isinstance(fact.certificate, Unreadable):
            raise fact.certificate
        assert self.one.spec.tls is not None  # noqa: S101 - then there is no such check
        left, least = fact.certificate.until - time.time(), seconds_of(self.one.spec.tls.days_left)
        measured = Measured(left, "s", at_least=least)
        words = f"valid for {shown(left, 's')}" if left > 0 else "has ended"
        return within(measured, f"valid for {shown(least, 's')}", words, remedy="a new certificate")

    # -- Redis -----------------------------------------------------------------------------------------

    def _login(self, facts: Facts) -> Outcome:
        return same("let in", "refused" if redis_of(facts, self.one).refused else "let in")

    def _users(self, facts: Facts) -> Outcome:
        assert isinstance(self.one.spec, RedisService)  # noqa: S101 - then there is no such check
        found = redis_of(facts, self.one).users
        actual = {name for name in found if name not in ("default", *self.one.spec.users)}
        default = rights(found.get("default", "")) == rights(EVERYTHING)
        parts = [f"not declared: {listing(actual)}"] if actual else []
        parts += [] if default else ["default has other rights"]
        parts += (
            ["default has other passwords, too"] if _has_other_passwords(found.get("default", "")) else []
        )
        return Outcome(not parts, "those of the spec", "; ".join(parts) or "those of the spec")

    def _persistence(self, facts: Facts) -> Outcome:
        said = redis_of(facts, self.one).persistence
        if missing := [key for key in _WRITTEN if key not in said]:
            raise Unreadable(f"Redis says nothing of {listing(missing)}")
        failing = [key for key in _WRITTEN if said[key] != "ok"]
        actual = f"failed: {listing(failing)}" if failing else "written"
        return same("written", actual, remedy=_looked_at(self.one))


_ASKED = frozenset({"users", "persistence"})
"""What Redis says to whom it lets in."""
_WRITTEN = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


@dataclass(frozen=True, slots=True)
class Project(Resource):
    """What is of the whole project."""

    layer: ClassVar[str] = LAYER
    kind: ClassVar[str] = "project"
    section: ServicesSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"project[{self.section.project}]", ("services",)
        if self.section.undeclared == "drift":
            yield Check(self, address, "undeclared", (*keys, "undeclared"), self._undeclared)
        for name, network in self.section.networks.items():
            desired = "no way out" if network.internal else "a way out"
            compare = partial(self._internal, name, desired)
            yield Check(self, f"network[{name}]", "internal", (*keys, "networks", name), compare)

    def _undeclared(self, facts: Facts) -> Outcome:
        found = project_of(facts).undeclared
        remedy = f"docker rm -f {' '.join(found)}, or say it in the spec"
        return Outcome(not found, "none", examples(found), remedy=remedy if found else "")

    def _internal(self, name: str, desired: str, facts: Facts) -> Outcome:
        found = project_of(facts).networks.get(name)
        if found is None:
            return Outcome(
                False,
                desired,
                ABSENT,
                remedy=Remedy("the first container in it brings it along", By.PGDEPLOY),
            )
        person = "a network changes without containers alone: docker compose down, then apply"
        return same(desired, "no way out" if found.get("Internal") else "a way out", remedy=person)


def project_of(facts: Facts) -> ProjectFact:
    """Raises Unreadable: the engine did not answer."""
    found: ProjectFact = facts.section(LAYER)
    return found


def container_of(facts: Facts, one: Container) -> ContainerFact:
    """Raises Unreadable: there is none."""
    found = project_of(facts).containers.get(one.name)
    if found is None:
        raise Unreadable("there is no container")
    return found


def redis_of(facts: Facts, one: Container) -> RedisFact:
    """Raises Unreadable: it was not asked."""
    found = container_of(facts, one).redis
    if isinstance(found, Unreadable):
        raise found
    return found


def _setting(one: Container, name: str, desired: str) -> Callable[[Facts], Outcome]:
    def compare(facts: Facts) -> Outcome:
        found = redis_of(facts, one).settings
        if name not in found:
            raise Unreadable("this Redis has no such setting")
        return same(desired, canonical(name, found[name]))

    return compare


def _rules(one: Container, name: str, desired: Rights) -> Callable[[Facts], Outcome]:
    def compare(facts: Facts) -> Outcome:
        found = redis_of(facts, one).users.get(name)
        if found is None:
            return Outcome(False, str(desired), ABSENT)
        actual = rights(found)
        return Outcome(actual == desired, str(desired), str(actual))

    return compare


def _may_log_in(one: Container, name: str) -> Callable[[Facts], Outcome]:
    def compare(facts: Facts) -> Outcome:
        found = redis_of(facts, one)
        desired = "with the password of the spec alone"
        if not found.logins.get(name):
            return Outcome(False, desired, "refused")
        more = _has_other_passwords(found.users.get(name, ""))
        return Outcome(not more, desired, "with other passwords, too" if more else desired)

    return compare


def _has_other_passwords(said: str) -> bool:
    """Whether a user whom we logged in as comes in with another password, too, or with any."""
    words = said.split()
    return len([word for word in words if word.startswith("#")]) != 1 or "nopass" in words


def _named(files: Any) -> str:
    return listing(f"{name or '?'} {mode}" for name, mode in files.items())


def _fingerprint(text: str) -> str:
    return text if text.startswith("no TLS") else f"the certificate {text[:16]}"


def _state(fact: ContainerFact) -> str:
    status = str(fact.state["Status"])
    code = fact.state.get("ExitCode")
    killed = ", killed as it needed more memory than it may have" if fact.state.get("OOMKilled") else ""
    return f"{status}{f' with {code}' if code else ''}{killed}"


def _looked_at(one: Container) -> Remedy:
    return Remedy(f"docker logs {one.container} says why")


def services(target: str, section: ServicesSpec, declared: tuple[Container, ...]) -> tuple[Resource, ...]:
    """All of a spec."""
    return (Project(section), *(Service(target, one) for one in declared))
