"""Commands on a host: over a real sshd, as root; and, in a shell of an unprivileged user, what is said of sudo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any

import pytest

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.reach import remote
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.host import Host
from pgdeploy.reach.server_message import last_word
from pgdeploy.reach.ssh import SshServer, ssh_options

ECHO = "import json, os\nprint(json.dumps([question, os.geteuid(), os.environ.get('SSH_CONNECTION')]))"


def reach(sshd: tuple[Path, int], socket: Path | str = "/nowhere", **options: Any) -> SshServer:
    home, port = sshd
    known = {"port": port, "key": f"{home}/key", "known_hosts": f"{home}/known_hosts", **options}
    return SshServer("127.0.0.1", ssh_options(user="root", **known), f"{socket}/.s.PGSQL.5432")


@pytest.fixture
def server(sshd: tuple[Path, int]) -> Iterator[SshServer]:
    made = reach(sshd)
    yield made
    made.close()


@pytest.fixture
def host(server: SshServer) -> Host:
    assert server.host is not None
    return server.host


@pytest.mark.parametrize(
    "question", [None, {"a": ['"', "'", "\\", "%s", "$(id)", "`id`", "Ünï", "\n", "\0"]}]
)
def test_ask(host: Host, question: object) -> None:
    answer, uid, connection = host.ask(ECHO, question)
    assert answer == question
    assert uid == 0
    assert connection.startswith("127.0.0.1 ")


def test_a_script_is_a_module_of_its_own(host: Host) -> None:
    script = "from __future__ import annotations\nif __name__ == '__main__': print('{}')\n"
    assert host.ask(script, None) == {}


def test_a_long_question(host: Host) -> None:
    names = [f"name {number} of a great many" for number in range(10_000)]
    assert host.ask("print(len(question))", names) == len(names)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("x = {}['one']", "reading the host failed: KeyError: 'one'"),
        ("import sys; sys.exit('of no use')", "reading the host failed: of no use"),
        ("x = (", "reading the host failed: SyntaxError: "),
        ("print('no JSON')", "reading the host failed: its answer is no JSON"),
    ],
)
def test_a_script_that_fails(host: Host, script: str, says: str) -> None:
    with pytest.raises(TargetError) as error:
        host.ask(script, None)
    assert str(error.value).startswith(f"127.0.0.1 (ssh): {says}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"known_hosts": "/dev/null"}, "Host key verification failed"),
        ({"key": "/dev/null"}, "Permission denied"),
        ({"port": 1}, "Connection refused"),
        ({"config": "/no where/at 'all"}, "No such file"),
    ],
)
def test_ssh_that_fails_is_said_in_one_line(
    sshd: tuple[Path, int], options: dict[str, Any], says: str
) -> None:
    server = reach(sshd, **options)
    try:
        assert server.host is not None
        with pytest.raises(TargetError, match=says) as error:
            server.host.ask(ECHO, None)
        assert "\n" not in str(error.value)
    finally:
        server.close()


def test_a_config_in_a_folder_with_blanks(sshd: tuple[Path, int], tmp_path: Path) -> None:
    home, port = sshd
    config = tmp_path / "it's a %h" / "ssh config"
    config.parent.mkdir()
    config.write_text(
        f"Host my-host\n HostName 127.0.0.1\n Port {port}\n IdentityFile {home}/key\n"
        f" UserKnownHostsFile {home}/known_hosts\n User root\n"
    )
    server = SshServer("my-host", ssh_options(config=str(config)), "/nowhere")
    try:
        assert server.host is not None
        assert server.host.ask("print(7)", None) == 7
    finally:
        server.close()


def test_everything_side_by_side_is_one_login(
    sshd: tuple[Path, int], server16: Cluster, sockets: Path
) -> None:
    """Six begin at the same moment: three ask the host, three open connections."""
    log = sshd[0] / "log"
    before = log.read_text().count("Accepted publickey")
    server = reach(sshd, sockets)
    start = Barrier(6)

    def ask(number: int) -> object:
        start.wait()
        assert server.host is not None
        return server.host.ask("print(question)", number)

    def query(number: int) -> object:
        start.wait()
        with server.open() as connection:
            row = connection.execute("SELECT %s::int", [number]).fetchone()
        return row and row[0]

    try:
        with ThreadPoolExecutor(6) as pool:
            calls = [pool.submit(ask if number % 2 else query, number) for number in range(6)]
            assert [call.result() for call in calls] == [*range(6)]
        assert log.read_text().count("Accepted publickey") - before == 1
    finally:
        server.close()


def test_a_login_that_ended_is_made_anew(server: SshServer, host: Host) -> None:
    assert host.ask("print(1)", None) == 1
    login = server._login
    subprocess.run(["ssh", *login.options, "-O", "exit", "127.0.0.1"], check=True, capture_output=True)
    assert host.ask("print(2)", None) == 2


def test_nothing_is_connected_before_it_is_used(sshd: tuple[Path, int]) -> None:
    server = reach(sshd, port=1)
    server.close()
    assert not server._login._folder.exists()


def test_testinfra_is_at_the_host(host: Host) -> None:
    assert host.testinfra.file("/etc/passwd").exists
    assert host.testinfra.user().name == "root"


def test_without_testinfra(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "testinfra", None)
    with pytest.raises(MissingExtra, match=r"pip install 'pgdeploy\[host\]'"):
        host.ask(ECHO, None)


def test_pytest_is_not_imported() -> None:
    program = (
        "import sys; from pgdeploy.reach.host import Host; Host.in_container('x').testinfra; "
        "sys.exit('pytest' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


# -- an unprivileged user ------------------------------------------------------------------------------


def ask_as_nobody(folder: Path, question: object = None) -> Any:
    """What the command gives in a shell of nobody's, whose PATH is this folder and the system's programs."""
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", remote.command(ECHO, question)],
        capture_output=True,
        check=False,
        env=environment,
    )
    return remote.answer("there", done.returncode, done.stdout, done.stderr)


@pytest.fixture
def sudo() -> Iterator[Path]:
    """A sudo that lets anybody do anything, in a folder that anybody may enter."""
    with TemporaryDirectory(prefix="pgdeploy-test-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "sudo"
        file.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 1\nshift\nexec "$@"\n')
        file.chmod(0o755)
        yield file


def test_sudo_hands_the_login_through(sudo: Path) -> None:
    answer, _, connection = ask_as_nobody(sudo.parent, ["ü"])
    assert answer == ["ü"]
    assert connection == "1.2.3.4 5 6.7.8.9 22"


def test_sudo_refuses(sudo: Path) -> None:
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    with pytest.raises(TargetError) as error:
        ask_as_nobody(sudo.parent)
    assert str(error.value) == (
        "there: user nobody is not root and sudo refuses; looking at a host needs root, or sudo without a password"
    )


def test_without_sudo(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="user nobody is not root and sudo "):
        ask_as_nobody(tmp_path)


def test_without_python(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", remote.command(ECHO, None)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    with pytest.raises(TargetError, match="there: python3 is not installed"):
        remote.answer("there", done.returncode, done.stdout, done.stderr)


# -- words ---------------------------------------------------------------------------------------------


def test_what_login_scripts_print_is_not_the_answer() -> None:
    stdout = f"Welcome!\n{remote._MARK}\n{json.dumps([1])}\n".encode()
    assert remote.answer("there", 0, stdout, b"") == [1]


def test_what_ssh_says_of_a_login_that_it_cannot_share_is_no_reason() -> None:
    said = "why\nControlSocket /tmp/x/c already exists, disabling multiplexing\n"
    assert last_word(said) == "why"
    assert last_word("mux_client_request_session: session request failed: Session open refused by peer") == ""
