"""Reading a project: its containers in a few commands, and what only each of them shows."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from pgdeploy.errors import PgdeployError, TargetError, Unreadable
from pgdeploy.layers.service.ask_redis import read_redis
from pgdeploy.layers.service.certificate import NoAnswer, read_certificate
from pgdeploy.layers.service.container import SECRETS, Container
from pgdeploy.layers.service.fact import ContainerFact, FileFact, ProjectFact
from pgdeploy.model.service import PostgresService, RedisService
from pgdeploy.reach.bridge import OS_USER
from pgdeploy.reach.docker import PROJECT, SERVICE, SOCKETS, said
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.reach.side_by_side import side_by_side

if TYPE_CHECKING:
    from pgdeploy.reach.docker import Engine

T = TypeVar("T")

_NUMBER = "com.docker.compose.container-number"
_NOT_RUNNING = Unreadable("the container does not run")


def read_project(declared: Sequence[Container], networks: Sequence[str], engine: Engine) -> ProjectFact:
    """What there is of a project.

    Raises:
        TargetError: the engine does not answer.
    """
    project = declared[0].project
    found = inspected(engine, project)
    by_service = {one.name: data for one in declared if (data := _of_service(one, found)) is not None}
    known = [one for one in declared if one.name in by_service]
    wanted = [name for one in known for name in (str(by_service[one.name]["Image"]), one.image)]
    images = inspected_images(engine, wanted)
    with side_by_side(max(len(known), 1)) as pool:
        pending = {
            one.name: pool.submit(_container, engine, one, by_service[one.name], images) for one in known
        }
        facts = {name: one.result() for name, one in pending.items()}
    ours = {str(data["Id"]) for data in by_service.values()}
    others = sorted(str(one["Name"]).lstrip("/") for one in found if str(one["Id"]) not in ours)
    return ProjectFact(facts, tuple(others), _networks(engine, project, networks))


def _of_service(one: Container, found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Compose goes by labels, whatever a container is called, and would replace it; of several its own first one."""
    its = [data for data in found if data["Config"]["Labels"][SERVICE] == one.name]
    its.sort(
        key=lambda data: (data["Name"] != f"/{one.container}", data["Config"]["Labels"].get(_NUMBER, ""))
    )
    return its[0] if its else None


def inspected(engine: Engine, project: str) -> list[dict[str, Any]]:
    """The containers of a project, as the engine says them. Raises TargetError."""
    chosen = ("--filter", f"label={PROJECT}={project}", "--filter", f"label={SERVICE}")
    ids = engine.run("ps", "-aq", "--no-trunc", *chosen).decode().split()
    return _json(engine.run("inspect", *ids)) if ids else []


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise TargetError("docker inspect: its answer is no JSON") from None


def inspected_images(engine: Engine, wanted: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """By id and by what they are called; one that is gone is missing."""
    if not wanted:
        return {}
    # it says what there is, and fails for what is not
    answer = engine.attempt("image", "inspect", *dict.fromkeys(wanted)).stdout
    found = {str(one["Id"]): one for one in _json(answer or b"[]")}
    tagged = {
        name: one
        for one in found.values()
        for name in (*(one.get("RepoTags") or ()), *(one.get("RepoDigests") or ()))
    }
    return {**tagged, **found}


def _container(
    engine: Engine, one: Container, data: Mapping[str, Any], images: Mapping[str, Mapping[str, Any]]
) -> ContainerFact:
    name, spec = str(data["Name"]).lstrip("/"), one.spec
    runs = bool(data["State"]["Running"])
    tagged = images.get(one.spec.image, {})
    uid = _uid(engine, one, name)
    shown = _tried(lambda: read_certificate(engine, one, name)) if spec.tls and runs else _NOT_RUNNING
    return ContainerFact(
        data,
        images.get(str(data["Image"]), {}),
        str(tagged.get("Id", "")),
        uid,
        _tried(lambda: dict(_files(engine, name))),
        "" if isinstance(spec, RedisService) else _tried(lambda: _data_version(engine, one, data, name)),
        _tried(lambda: _waiting(engine, name, spec))
        if isinstance(spec, PostgresService) and runs
        else _NOT_RUNNING,
        shown
        if isinstance(shown, NoAnswer)
        else _tried(lambda: read_redis(engine, one, spec, name))
        if isinstance(spec, RedisService) and runs
        else _NOT_RUNNING,
        shown,
    )


def _tried(read: Callable[[], T]) -> T | Unreadable:
    try:
        return read()
    except Unreadable as error:
        return error
    except PgdeployError as error:
        return Unreadable(str(error))


def copied(engine: Engine, container: str, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The files at a path of a container, running or not, with what they hold; none where nothing is there.

    Raises:
        TargetError: they cannot be read.
    """
    done = engine.attempt("cp", f"{container}:{path}", "-")
    if done.returncode != 0:
        text = said(done)
        if "Could not find the file" in text or "no such file" in text.lower():
            return
        raise TargetError(f"{container}: {path}: {text}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            inner = archive.extractfile(member) if member.isfile() else None
            yield member, inner.read() if inner is not None else b""


def user_id(passwd: bytes, user: str) -> int | None:
    """The number of a user, by /etc/passwd."""
    for line in passwd.decode(errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 2 and fields[2].isdecimal():
            return int(fields[2])
    return None


def _uid(engine: Engine, one: Container, name: str) -> int | None:
    for _, data in copied(engine, name, "/etc/passwd"):
        return user_id(data, one.os_user)
    return None


def _files(engine: Engine, name: str) -> Iterator[tuple[str, FileFact]]:
    """By name, those in the folder of secrets; the folder itself has none."""
    for member, data in copied(engine, name, SECRETS):
        _, _, inner = member.name.partition("/")
        if not member.isdir() or inner:
            digest = sha256(data).hexdigest() if member.isfile() else "no file"
            yield inner, FileFact(member.mode & 0o7777, member.uid, digest)


def _data_version(engine: Engine, one: Container, data: Mapping[str, Any], name: str) -> str:
    variables = dict(word.partition("=")[::2] for word in data["Config"].get("Env") or ())
    for _, text in copied(engine, name, f"{variables.get('PGDATA', one.data)}/PG_VERSION"):
        return text.decode(errors="replace").strip()
    return ""


_PATIENCE = 30.0
"""Seconds for an answer of PostgreSQL."""
_WAITING = "SELECT s.name FROM pg_catalog.pg_settings AS s WHERE s.pending_restart"


def _waiting(engine: Engine, name: str, spec: PostgresService) -> tuple[str, ...]:
    psql = ("psql", "-XAtqw", "-h", SOCKETS, "-U", spec.superuser, "-d", MAINTENANCE, "-c", _WAITING)
    said = engine.run("exec", "-u", OS_USER, name, *psql, timeout=_PATIENCE)
    return tuple(sorted(said.decode(errors="replace").split()))


def _networks(engine: Engine, project: str, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    wanted = {f"{project}_{name}": name for name in names}
    if not wanted:
        return {}
    answer = engine.attempt("network", "inspect", *wanted).stdout
    return {wanted[str(one["Name"])]: one for one in _json(answer or b"[]")}
