"""What a running Redis says: redis-cli in its container is told all on its input, and answers in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.service.fact import RedisFact
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.layers.service.container import Container
    from pgdeploy.model.service import RedisService
    from pgdeploy.reach.docker import Engine


_PATIENCE = 30.0
"""Seconds for all answers."""
_ASK = 'read -r REDISCLI_AUTH && export REDISCLI_AUTH && exec redis-cli -h 127.0.0.1 --json "$@"'
"""The password is the first line of the input; JSON has to be asked for by who is logged in already."""


class Refused(TargetError):
    """Redis does not let the default user in with this password."""


def ask(engine: Engine, one: Container, container: str, commands: Sequence[Sequence[str]]) -> list[Any]:
    """The answers to commands of the default user, in one session; that of one that fails is a text or an error.

    Raises:
        Refused: it does not let us in.
        TargetError: Redis cannot be asked.
    """
    tls = ("--tls", "--insecure") if one.spec.tls is not None else ()
    password = one.spec.password.read().reveal()
    if "\n" in password:
        raise TargetError(f"{container}: the password of Redis's default user has more than one line")
    lines = [password, *(" ".join(map(_quoted, words)) for words in commands)]
    text = "".join(f"{line}\n" for line in lines)
    done = engine.attempt(
        "exec", "-i", container, "sh", "-c", _ASK, "sh", *tls, stdin=text.encode(), timeout=_PATIENCE
    )
    if "WRONGPASS" in done.stderr.decode(errors="replace"):
        raise Refused(f"{container}: Redis refuses the default user with the password of the spec")
    answers = list(_answers(done.stdout.decode(errors="replace").split("\n")))
    if len(answers) != len(commands):
        why = one_line(done.stderr.decode(errors="replace").strip(), 200)
        raise TargetError(f"{container}: redis-cli: {why or 'its answers are none that are known'}")
    return answers


def _answers(lines: Sequence[str]) -> Iterator[Any]:
    """A line each; that of INFO is a text, whose lines alone end as those of Redis do."""
    info: list[str] = []
    for line in lines:
        if line.endswith("\r"):
            info.append(line)
            continue
        if info:
            yield "\n".join(info)
            info = []
        if line.strip():
            yield _answer(line)


def _quoted(word: str) -> str:
    """As redis-cli reads a word; nothing of it is anything but itself."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"'


def _answer(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return Failed()


class Failed:
    """The answer to a command that failed; words of ours may stand in it, so it has none."""


def read_redis(engine: Engine, one: Container, spec: RedisService, container: str) -> RedisFact:
    """Settings, users, logins, and whether what it keeps on disk was written.

    Raises:
        TargetError: it does not answer.
    """
    names = list(spec.users)
    logins = [("AUTH", name, spec.users[name].password.read().reveal()) for name in names]
    whole = [("CONFIG", "GET", "*"), ("ACL", "LIST"), ("INFO", "persistence"), *logins]
    try:
        settings, users, info, *entered = ask(engine, one, container, whole)
    except Refused:
        return RedisFact({}, {}, {}, {}, refused=True)
    if any(isinstance(answer, Failed) for answer in (settings, users, info)):
        raise TargetError(f"{container}: the default user may not ask Redis for its settings and users")
    return RedisFact(
        _pairs(settings),
        dict(_user(line) for line in users),
        {name: answer == "OK" for name, answer in zip(names, entered, strict=True)},
        _info(str(info)),
    )


def _pairs(answer: Any) -> Mapping[str, str]:
    if isinstance(answer, Mapping):
        return {str(key): str(value) for key, value in answer.items()}
    return {str(key): str(value) for key, value in zip(answer[::2], answer[1::2], strict=True)}


def _user(line: str) -> tuple[str, str]:
    """`user NAME RULES`."""
    _, name, rules = line.split(" ", 2)
    return name, rules


def _info(text: str) -> dict[str, str]:
    parts = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key: value.strip() for key, _, value in parts}
