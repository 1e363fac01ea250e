"""postgres_exporter: installed, told where to listen and how to log in, and waited for until it sees the server."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import DeployError, StringCommand, deploy, operation
from pyinfra.operations import server

from pgdeploy.layers.host.exporter_container import CONTAINER, RESTART
from pgdeploy.layers.host.file import HostFile, exporter_files, exporter_folder, password_file
from pgdeploy.layers.host.layout import EXPORTER_PASSWORD, EXPORTER_UNIT
from pgdeploy.model.host.exporter import ExporterSpec
from pgdeploy.secret.reference import is_verifier
from pyinfra_deploys.secretfile import placed
from pyinfra_deploys.this import ensure, layout, target
from pyinfra_deploys.write import folder, put


@deploy("Exporter")
def exporter() -> None:
    """The exporter as the spec wants it: under systemd, or in a container."""
    spec = layout().host.exporter
    if spec is None:
        return
    if spec.run == "service":
        _service(spec)
    else:
        _compose(spec)
    answering(name=f"The exporter answers at {spec.listen}, and sees the server (pg_up 1)")


def _service(spec: ExporterSpec) -> None:
    if spec.login == "peer":
        server.user(  # noqa: S604 - a login shell, and nothing is run by it
            name=f"OS user {spec.role}, whom peer authentication takes for the role",
            user=spec.role,
            system=True,
            ensure_home=False,
            shell="/usr/sbin/nologin",
        )
    else:
        placed([_password(spec)], name="The exporter's password file")
    environment, unit = exporter_files(target().spec)
    put(environment, "Where the exporter listens, and how it logs in")
    put(unit, "The exporter's unit")
    running(name="The exporter runs, with what its files say")


def _compose(spec: ExporterSpec) -> None:
    folder(exporter_folder(spec), name="The exporter's folder")
    placed([_password(spec)], name="The exporter's password file")
    for file in exporter_files(target().spec):
        put(file, "docker-compose.yaml")
    contained(name="The exporter's container runs, with what its files say")


def _password(spec: ExporterSpec) -> HostFile:
    reference = target().spec.roles[spec.role].password
    if reference is None:
        raise DeployError(f"role {spec.role} has no password for the exporter")
    password = reference.read()
    if is_verifier(password):
        raise DeployError(
            f"the secret of role {spec.role} is a SCRAM verifier, with which the exporter cannot log in"
        )
    return password_file(spec, password.reveal())


@operation()
def running() -> Iterator[StringCommand]:
    """Enabled and started; restarted when a file that it read at its start is newer. A fresh install has failed
    too often to be started without `reset-failed`."""
    paths = [file.path for file in exporter_files(target().spec)]
    spec = layout().host.exporter
    if spec is not None and spec.login == "password":
        paths.append(EXPORTER_PASSWORD)
    question = {"unit": EXPORTER_UNIT, "paths": paths}
    yield from ensure("unit", question)


@operation()
def contained() -> Iterator[StringCommand]:
    """The container is up, and as docker-compose.yaml says; made anew when it is older than what it reads."""
    spec = layout().host.exporter
    if spec is None:
        return
    (compose,) = exporter_files(target().spec)
    yield from ensure(
        "container",
        {
            "name": CONTAINER,
            "folder": spec.folder,
            "desired": {"state": "running", "image": spec.image, "restart": RESTART},
            "paths": [compose.path, password_file(spec).path],
        },
    )


@operation()
def answering() -> Iterator[StringCommand]:
    """pg_up is 1. Waits for it, half a minute at most; an exporter that gave up is started once more."""
    spec = layout().host.exporter
    if spec is None:
        return
    question = {"address": spec.reach, "unit": EXPORTER_UNIT if spec.run == "service" else None}
    yield from ensure("pg_up", question)
