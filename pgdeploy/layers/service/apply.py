"""Making services: files first, then the container by compose, then its health. What fails is taken back."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.service.append_only import require_append_only_file
from pgdeploy.layers.service.ask_redis import ask
from pgdeploy.layers.service.compose import MADE_FROM, as_yaml, labelled, project
from pgdeploy.layers.service.container import CERTIFICATE, KEY, SECRETS, Container
from pgdeploy.layers.service.fact import moment
from pgdeploy.layers.service.plan import How
from pgdeploy.layers.service.reading import copied
from pgdeploy.layers.service.redis.files import written
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.service import RedisService
from pgdeploy.reach.docker import APART, LONGEST, PROJECT, ComposeService, said
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from pgdeploy.layers.service.plan import ToMake
    from pgdeploy.model.service import ServicesSpec
    from pgdeploy.reach.docker import Engine

_COMPOSE = 600.0
"""Seconds of one run of compose."""
_YOUNG = 600.0
"""Seconds since the start of a server."""
_SECOND = 1.05
_RESTARTS = 3
"""So often a container that cannot run is restarted until nobody waits for it any more."""

_WRITE = """\
set -eu
umask 077
cd "$1"
owner="$(id -u "$2"):$(id -g "$2")"
chown "$owner" .
chmod 0700 .
while read -r name data; do
  printf %s "$data" | base64 -d >".$name.new"
  chown "$owner" ".$name.new"
  chmod 0400 ".$name.new"
  mv -f ".$name.new" "$name"
done
for file in .[!.]* *; do
  case " $3 " in *" $file "*) ;; *) rm -rf -- "$file" ;; esac
done
"""
"""Run in a container of the same image, which has the server's user: no file is ever readable for anybody else."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the services of one project."""

    engine: Engine
    section: ServicesSpec
    declared: Sequence[Container]
    note: Callable[[str], None]

    def take(self, step: ToMake) -> None:
        """Take a step.

        Raises:
            TargetError: it failed; what was there before is there again, where that is possible.
        """
        one = next(one for one in self.declared if one.name == step.service)
        require_image(self.engine, one, self.note)
        if step.how is not How.LOAD:
            require_append_only_file(self.engine, one, self._existing(one))
        before = self._before(one)
        self.write_files(one, one.files())
        try:
            self._make(one, step)
        except TargetError as error:
            if before is None:
                raise
            self.note(f"{one.container}: {error}; taking it back")
            self._take_back(one, before, step.how)
            raise TargetError(f"{error}; what was there before is back") from None

    def _make(self, one: Container, step: ToMake) -> None:
        if step.how is How.LOAD:
            self._load(one, step.settings)
            return
        if step.how is How.RESTART:
            self._restart(one)
        else:
            self.up(one, project(self.section, self.declared, labelled), anew=step.how is How.ANEW)
        self.wait(one)

    def settle(self) -> None:
        """Have young servers read their files again: of files as young as they are nobody knows which came first.

        A run that was killed may have left such a server, so it is not only those that this one made.
        """
        young = [
            one for one in self.declared if not isinstance(one.spec, RedisService) and self._is_young(one)
        ]
        if young:
            time.sleep(_SECOND)
        for one in young:
            self._signal(one)

    def _is_young(self, one: Container) -> bool:
        done = self.engine.attempt("inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}", one.container)
        runs, _, started = done.stdout.decode().strip().partition(" ")
        return runs == "true" and (datetime.now(UTC) - moment(started)).total_seconds() < _YOUNG

    # -- files -----------------------------------------------------------------------------------------

    def write_files(self, one: Container, files: Mapping[str, bytes]) -> None:
        """Give a container its files, and no others, running or not."""
        volume = one.volumes[SECRETS]
        labels = {PROJECT: one.project, "com.docker.compose.volume": volume}
        words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
        self.engine.run("volume", "create", *words, one.volume(SECRETS))
        text = "".join(f"{name} {b64encode(data).decode()}\n" for name, data in files.items())
        self.engine.run(
            *("run", "--rm", "-i", *APART, "--user", "0", "--entrypoint", "sh"),
            *("-v", f"{one.volume(SECRETS)}:{SECRETS}", one.image),
            *("-c", _WRITE, "sh", SECRETS, one.os_user, " ".join(files)),
            stdin=text.encode(),
        )

    # -- the container ---------------------------------------------------------------------------------

    def up(self, one: Container, document: Mapping[str, Any], *, anew: bool) -> None:
        """Have compose make and start it."""
        text = as_yaml(document).encode()
        words = ("compose", "--env-file", "/dev/null", "--project-directory", "/", "-f", "-")
        checked = self.engine.attempt(*words, "config", "--quiet", stdin=text)
        if checked.returncode != 0:
            raise TargetError(f"{self.engine.address}: docker compose: {said(checked)}")
        more = ("--force-recreate",) if anew else ()
        self.engine.run(
            *(*words, "up", "--detach", "--no-deps", "--no-build", "--timeout"),
            *(f"{seconds_of(one.spec.stop):.0f}", *more, one.name),
            stdin=text,
            timeout=_COMPOSE + seconds_of(one.spec.stop),
        )

    def wait(self, one: Container) -> None:
        """Until it is healthy. Raises TargetError: it does not become so."""
        health = one.spec.health
        each = seconds_of(health.interval) + seconds_of(health.timeout)
        end = time.monotonic() + seconds_of(health.start) + health.retries * each + 10
        while True:
            (data,) = json.loads(self.engine.run("inspect", one.container))
            state = data["State"]
            status = (state.get("Health") or {}).get("Status")
            if state["Running"] and status == "healthy":
                return
            ended = not state["Running"] and state["Status"] == "exited" and one.spec.restart == "no"
            if ended or status == "unhealthy" or data["RestartCount"] >= _RESTARTS or time.monotonic() > end:
                how = status if state["Running"] else f"{state['Status']} with {state['ExitCode']}"
                raise TargetError(
                    f"{one.container}: is {how}, not healthy; `docker logs {one.container}` says why"
                )
            time.sleep(0.3)

    def _restart(self, one: Container) -> None:
        stop = seconds_of(one.spec.stop)
        self.engine.run("restart", "-t", f"{stop:.0f}", one.container, timeout=LONGEST + stop)

    def _signal(self, one: Container) -> None:
        self.engine.run("kill", "--signal", "HUP", one.container)

    def _load(self, one: Container, settings: Sequence[str]) -> None:
        if not isinstance(one.spec, RedisService):
            self._signal(one)
            time.sleep(0.5)  # until it has read them
            return
        commands: list[tuple[str, ...]] = [("ACL", "LOAD")]
        if one.spec.tls is not None:
            files = ("tls-cert-file", f"{SECRETS}/{CERTIFICATE}", "tls-key-file", f"{SECRETS}/{KEY}")
            commands.append(("CONFIG", "SET", *files))
        commands += [
            ("CONFIG", "SET", name, written(one.spec.settings[name]).strip('"')) for name in settings
        ]
        for words, answer in zip(commands, ask(self.engine, one, one.container, commands), strict=True):
            if answer != "OK":
                raise TargetError(f"{one.container}: Redis refuses {' '.join(words[:3])}")

    # -- back ------------------------------------------------------------------------------------------

    def _before(self, one: Container) -> _Before | None:
        """What there is of it; None where there is nothing to go back to."""
        container = self._existing(one)
        done = self.engine.attempt("inspect", container)
        if done.returncode != 0:
            return None
        (data,) = json.loads(done.stdout)
        inner = {
            member.name.partition("/")[2]: text for member, text in copied(self.engine, container, SECRETS)
        }
        body = (data["Config"].get("Labels") or {}).get(MADE_FROM)
        ran = bool(data["State"]["Running"])
        return _Before({name: text for name, text in inner.items() if name}, body, str(data["Image"]), ran)

    def _existing(self, one: Container) -> str:
        """The container of a service, which others may have called something else."""
        ids = ComposeService(one.project, one.name).containers(self.engine, "-a")
        return ids[-1] if ids else one.container

    def _take_back(self, one: Container, before: _Before, how: How) -> None:
        self.write_files(one, before.files)
        if how in (How.LOAD, How.RESTART):
            self._restart(one)
        elif before.body is not None:
            document = project(self.section, self.declared, labelled)
            body = json.loads(before.body)
            named = self.engine.attempt("image", "inspect", "-f", "{{.Id}}", body["image"])
            if named.stdout.decode().strip() != before.image:
                body["image"] = before.image  # the name means another one by now
            document["services"][one.name] = labelled(body)
            self.up(one, document, anew=True)
        else:
            raise TargetError(
                f"{one.container}: the container before it was not made by pgdeploy, so it cannot be made again; "
                "its data is there"
            )
        if before.ran:
            self.wait(one)


@dataclass(frozen=True, slots=True)
class _Before:
    """A container as it was: its files, the part of the document that it was made from, its image."""

    files: Mapping[str, bytes]
    body: str | None
    image: str
    ran: bool


def require_image(engine: Engine, one: Container, note: Callable[[str], None]) -> None:
    """Pull the image where the engine has none. Raises TargetError: it cannot be had."""
    if engine.attempt("image", "inspect", one.image).returncode == 0:
        return
    note(f"pulling {one.image}")
    done = engine.attempt("pull", "-q", one.image, timeout=_COMPOSE)
    if done.returncode != 0:
        raise TargetError(f"{engine.address}: has no image {one.image}, and cannot pull it: {said(done)}")


@contextmanager
def alone(engine: Engine, one: Container) -> Iterator[None]:
    """Nobody else makes this project meanwhile: a container that ends with our process is the lock.

    Raises:
        TargetError: somebody does.
    """
    name = f"{one.project}-pgdeploy-lock"
    command = engine.command(*("run", "-i", "--rm", "--name", name, *APART, "--entrypoint", "cat", one.image))
    engine.prepare()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of_children(),
        process_group=0,
    ) as lock:
        assert lock.stdin is not None and lock.stdout is not None and lock.stderr is not None  # noqa: S101, PT018
        try:
            try:
                lock.stdin.write(b"ours\n")
                lock.stdin.flush()
                held = lock.stdout.readline() == b"ours\n"
            except OSError:
                held = False
            if not held:
                why = last_word(lock.stderr.read().decode(errors="replace"), 2)
                if "already in use" in why:
                    raise TargetError(
                        f"{one.project}: another pgdeploy is making its services; try again later"
                    )
                raise TargetError(f"{engine.address}: {why}")
            yield
        finally:
            try:
                lock.stdin.close()
                lock.wait(30)
            except (OSError, subprocess.TimeoutExpired):
                lock.kill()
