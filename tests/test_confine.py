"""`--no-commands`: whatever would run a command here, or read beyond the folder of specs, is refused with its place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pgdeploy.cli import main
from pgdeploy.errors import SecretError, SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.local.trust import NO_COMMANDS
from pgdeploy.secret.reference import SecretRef

TOP = "postgres: 16\nroles: {postgres: {superuser: true, login: true}%s}\n"
VM = """vm:
  proxmox: {host: pve, user: a@pve, token: abc, secret: %s%s}
  id: 100
  name: x
  node: a
  template: 101
  cores: 2
  memory: 4GB
  disks: {scsi0: {storage: local, size: 10GB}}
  network: {bridge: vmbr0, address: 192.0.2.8/24}
  cloud_init: {ssh_keys: [%s]}
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx3vQ7Fq0pZyqk7cVvQ4r6m0tQzq3Zl0m5s0yq8b2fS a"
HERE = "{file: secret}"


def role(reference: str) -> str:
    return TOP % f", app: {{login: true, password: {reference}}}"


def spec(rest: str) -> str:
    return TOP % "" + rest + "\n"


EVERYWHERE, LIVE, HOST, EMBEDDED = "live embedded container", "live", "live container", "embedded"

# The spec, where it is refused, and the path and the words.
REFUSED = {
    "command": (role("{command: [touch, ran]}"), EVERYWHERE, r'roles.app.password: runs "touch"'),
    "command in the folder": (role("{command: [specs/run]}"), EVERYWHERE, "runs"),
    "absolute file": (role("{file: /etc/passwd}"), EVERYWHERE, r'reads "/etc/passwd", which is not in specs/'),
    "file of the home": (role("{file: ~/.pgpass}"), EVERYWHERE, "reads"),
    "file of nobody's home": (role("{file: '~nobody-of-this-name/x'}"), EVERYWHERE, "reads"),
    "file beside": (role("{file: ../secret}"), EVERYWHERE, "reads"),
    "file by ..": (role("{file: here/../../secret}"), EVERYWHERE, "reads"),
    "file by a link": (role("{file: link}"), EVERYWHERE, "reads"),
    "environment by a file": (role("{file: /proc/self/environ}"), EVERYWHERE, "reads"),
    "dsn": (spec("connect: {dsn: host=evil.example.org}"), LIVE, "connect.dsn: chooses the server that gets PGPASSWORD"),  # noqa: E501
    "dsn with files": (spec("connect: {dsn: 'sslkey=/etc/x service=y passfile=/etc/z'}"), LIVE, "connect.dsn"),
    "ssh config": (spec("connect: {ssh: {host: a, config: config}}"), LIVE, "connect.ssh.config: .*ProxyCommand"),
    "ssh key": (spec("connect: {ssh: {host: a, key: ~/.ssh/id_ed25519}}"), LIVE, "connect.ssh.key"),
    "ssh key by a token": (spec("connect: {ssh: {host: a, key: 'keys/%d/x'}}"), LIVE, "connect.ssh.key"),
    "known hosts": (spec("connect: {ssh: {host: a, known_hosts: /etc/hosts}}"), LIVE, "connect.ssh.known_hosts"),
    "known hosts by a variable": (
        spec("connect: {ssh: {host: a, known_hosts: 'known/${HOME}'}}"), LIVE, "connect.ssh.known_hosts"),
    "certificate": (
        spec(f"host: {{tls: {{certificate: /etc/passwd, key: {HERE}}}}}"), HOST, "host.tls.certificate: reads"),
    "key of a certificate": (
        spec("host: {tls: {certificate: x, key: {file: /etc/shadow}}}"), EVERYWHERE, "host.tls.key: reads"),
    "key of a mirror": (
        spec("host: {packages: {source: {uri: 'https://a', suite: b, key: /etc/passwd}}}"), HOST,
        "host.packages.source.key: reads"),
    "proxmox": (spec(VM % (HERE, "", KEY)), LIVE, "vm.proxmox.host: chooses the API"),
    "proxmox's secret": (spec(VM % ("{command: [touch, ran]}", "", KEY)), LIVE, "vm.proxmox.secret: runs"),
    "proxmox's ca": (spec(VM % (HERE, ", ca: /etc/passwd", KEY)), LIVE, "vm.proxmox.ca: reads"),
    "ssh key of a vm": (spec(VM % (HERE, "", "~/.ssh/id_ed25519.pub")), LIVE, r"vm.cloud_init.ssh_keys\[0\]: reads"),
    "archive command": (spec("settings: {ARCHIVE_command: touch ran}"), EMBEDDED, "settings.ARCHIVE_command: runs"),
    "restore command": (spec("settings: {restore_command: touch ran}"), EMBEDDED, "settings.restore_command: runs"),
    "library": (
        spec("settings: {shared_preload_libraries: [auto_explain, /tmp/evil]}"), EMBEDDED, "preload_libraries: loads"),
    "library of a role": (
        TOP % ", app: {settings: {session_preload_libraries: [../evil]}}", EMBEDDED, "roles.app.settings.*: loads"),
    "library that writes files": (
        spec(
            "databases: {d: {extensions: {basic_archive: {}}}}\n"
            "settings: {basic_archive.archive_directory: /etc/cron.d}"
        ),
        EMBEDDED,
        "basic_archive.archive_directory.*: names a file"),
    "file behind a type": (
        spec("settings: {krb_server_keyfile: 'FILE:/etc/passwd'}"), EMBEDDED, "settings.krb_server_keyfile: names"),
    "log": (spec("settings: {log_directory: /etc/cron.d}"), EMBEDDED, "settings.log_directory: names a file"),
}  # fmt: skip

ALLOWED = {
    "plain ssh": spec("connect: {ssh: {host: db.example.org, user: root, port: 22}}"),
    "ssh with files of the folder": spec("connect: {ssh: {host: a, key: secret, known_hosts: known}}"),
    "file of the folder": role(HERE),
    "variable": role("{env: APP}"),
    "libraries": spec("settings: {shared_preload_libraries: [auto_explain, $libdir/x], archive_command: ''}"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("PGDEPLOY_SPECS", "PGDEPLOY_SPECS_ROOT", "PGDEPLOY_SSH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    # --no-commands sets it: it is taken back after the test
    monkeypatch.setenv(NO_COMMANDS, "")
    (tmp_path / "specs").mkdir()
    for name in ("secret", "specs/secret"):
        (tmp_path / name).write_text("x")
    (tmp_path / "specs" / "link").symlink_to(tmp_path / "secret")
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "specs" / "x.yaml").write_text(text)


def said(arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["pgdeploy", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    assert ended.value.code == 1, output.out
    assert "Traceback" not in output.err
    return output.err


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, where, message = REFUSED[case]
    write(folder, text)
    load_spec(folder / "specs" / "x.yaml")  # it is a good spec
    for on in where.split():
        answer = said(f"check x --no-commands --on {on}", monkeypatch, capsys)
        assert re.search(message, answer), answer
        assert re.match(r"specs/x.yaml:\d+:\d+: ", answer)
        assert all(line.endswith("(refused by --no-commands)") for line in answer.splitlines())
    assert re.search(message, said("lint x --no-commands", monkeypatch, capsys))
    assert not (folder / "ran").exists()


def test_a_link_out_of_the_folder_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "specs" / "x.yaml").symlink_to(folder / "elsewhere")
    for lines in (spec(""), "hunter2: {\n"):
        (folder / "elsewhere").write_text(lines)
        for named in ("x", "specs/x.yaml"):
            answer = said(f"lint {named} --no-commands", monkeypatch, capsys)
            assert answer == "specs/x.yaml: a link that leads out of specs/ (refused by --no-commands)\n"


COMMANDS = (
    "lint x", "plan x", "apply x --yes", "check x", "up x", "vm plan x", "vm apply x --yes", "vm start x", "vm stop x",
    "vm destroy x --confirm x",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    write(folder, role("{command: [touch, ran]}"))
    assert "roles.app.password: runs" in said(f"{command} --no-commands", monkeypatch, capsys)
    monkeypatch.setenv(NO_COMMANDS, "1")
    assert "roles.app.password: runs" in said(command, monkeypatch, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_folder_of_specs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("PGDEPLOY_SPECS", "specs")
    name, *rest = command.split(" x", 1)
    assert f"the folder of specs, {folder}/other, does not exist" in said(
        f"{name} x --specs other{''.join(rest)}", monkeypatch, capsys
    )


@pytest.mark.parametrize("case", ALLOWED)
@pytest.mark.parametrize("on", ["live", "embedded", "container"])
def test_what_stays_possible(folder: Path, monkeypatch: pytest.MonkeyPatch, case: str, on: str) -> None:
    from pgdeploy.gate.confine import confine
    from pgdeploy.gate.target import load_target

    monkeypatch.setenv(NO_COMMANDS, "1")
    write(folder, ALLOWED[case])
    confine(load_target(Path("specs/x.yaml")), on)


def test_what_is_not_used_is_not_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server in use is given on the command line, so what the spec says of it does nothing."""
    from pgdeploy.gate.gate import ConnectionOptions, Gate
    from pgdeploy.gate.target import load_target

    monkeypatch.setenv(NO_COMMANDS, "1")
    write(folder, spec("connect: {dsn: host=a}"))
    target = load_target(Path("specs/x.yaml"))
    assert Gate(target, ConnectionOptions(dsn="host=b")).checks
    with pytest.raises(SpecError):
        Gate(target, ConnectionOptions())


def test_a_command_is_not_run_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_COMMANDS, "1")
    canary = tmp_path / "ran"
    with pytest.raises(SecretError, match="secret command touch: is not run: --no-commands is given"):
        SecretRef(command=("touch", str(canary))).read()
    assert not canary.exists()
    monkeypatch.setenv(NO_COMMANDS, "0")
    with pytest.raises(SecretError, match="is empty"):
        SecretRef(command=("touch", str(canary))).read()
    assert canary.exists()


@pytest.mark.parametrize("variable", [False, True])
def test_pytest_loads_no_python_beside_specs(folder: Path, variable: bool) -> None:
    write(folder, spec(""))
    for file in ("conftest.py", "specs/conftest.py", "specs/test_x.py"):
        (folder / file).write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    environment = {**os.environ, NO_COMMANDS: "1" if variable else ""}
    command = [sys.executable, "-m", "pytest", "--target", "x", "--collect-only", "-q"]
    done = subprocess.run(
        [*command, *(() if variable else ("--no-commands",))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "specs/x.yaml::role[postgres].superuser" in done.stdout, done.stdout + done.stderr
    assert not (folder / "ran").exists()


def test_pytest_refuses_at_its_place(folder: Path) -> None:
    write(folder, role("{command: [touch, ran]}"))
    command = [sys.executable, "-m", "pytest", "--target", "x", "--collect-only", "-q", "--no-commands"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert re.search(r'specs/x.yaml:2:\d+: roles.app.password: runs "touch"', done.stdout)
    assert done.returncode != 0


def test_the_inventory_refuses_at_its_place(folder: Path) -> None:
    write(folder, spec("host: {}\nconnect: {ssh: {host: a, config: config}}"))
    done = subprocess.run(
        [sys.executable, "-c", "import pyinfra_deploys.targets"],
        env={**os.environ, NO_COMMANDS: "1", "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "specs/x.yaml:4:26: connect.ssh.config" in done.stderr


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=x",
        "a$(x)",
        "a`x`",
        "a;x",
        "a|x",
        "a&x",
        "a b",
        "a\\nb",
        "'a'",
        "a\\\\b",
        "a>x",
        "(a)",
        "{a}",
        "",
    ],
)
def test_no_host_that_a_shell_could_run(tmp_path: Path, host: str) -> None:
    (tmp_path / "x.yaml").write_text(spec(f'connect: {{ssh: {{host: "{host}"}}}}'))
    with pytest.raises(SpecError, match=r"connect\.ssh\.host"):
        load_spec(tmp_path / "x.yaml")


@pytest.mark.parametrize("ssh", ["user: '-x'", "user: 'a;b'", "known_hosts: 'a b'", 'known_hosts: "a\\tb"'])
def test_nor_a_user_or_a_second_file(tmp_path: Path, ssh: str) -> None:
    (tmp_path / "x.yaml").write_text(spec(f"connect: {{ssh: {{host: a, {ssh}}}}}"))
    with pytest.raises(SpecError, match=r"connect\.ssh\.(user|known_hosts)"):
        load_spec(tmp_path / "x.yaml")


@pytest.mark.parametrize("host", ["db", "db.example.org", "192.0.2.1", "fe80::1%eth0", "[::1]", "Ünï"])
def test_hosts_and_users_that_are_none_of_it(tmp_path: Path, host: str) -> None:
    (tmp_path / "x.yaml").write_text(spec(f"connect: {{ssh: {{host: '{host}', user: 'EXAMPLE\\dba'}}}}"))
    assert load_spec(tmp_path / "x.yaml").value.ssh is not None
