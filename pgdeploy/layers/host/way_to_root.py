"""Runs on the host, as a part of gather.py: every way by which an OS user could be root. It needs Python 3.9 alone.

Each way is a few words for people. What postgres itself runs as root's is no way; what root runs, trusts or keeps
secret, and this user can change or read, is one.
"""

from __future__ import annotations

import base64
import grp
import os
import pwd
import re
import shlex
import shutil
import stat
import struct
from collections.abc import Callable
from typing import Any

READ, WRITE, RUN = 4, 2, 1

TRUSTED = (
    "/etc", "/root", "/usr/local", "/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/usr/libexec", "/run/systemd/system",
    "/var/spool/cron",
)  # fmt: skip
"""Where root runs or believes what stands there."""

OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/opt", "/srv", "/home", "/var/lib/postgresql")  # noqa: S108
"""Where a program with root's rights may have been left."""

SETUID = frozenset({
    "su", "sudo", "mount", "umount", "passwd", "chsh", "chfn", "chage", "expiry", "newgrp", "gpasswd",
    "pkexec", "fusermount", "fusermount3", "ssh-keysign", "dbus-daemon-launch-helper",
    "polkit-agent-helper-1", "unix_chkpwd", "newuidmap", "newgidmap", "ping", "ping6",
    "traceroute6.iputils", "crontab", "at", "mount.nfs", "mount.cifs", "ntfs-3g", "exim4", "postdrop",
    "postqueue", "doas", "snap-confine", "bwrap", "vmware-user-suid-wrapper",
})  # fmt: skip
"""Programs that distributions set so; elsewhere than among theirs they are none of them."""

THEIRS = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/")

CAPABILITIES = {
    0: "chown", 1: "dac_override", 2: "dac_read_search", 3: "fowner", 6: "setgid", 7: "setuid", 8: "setpcap",
    16: "sys_module", 17: "sys_rawio", 19: "sys_ptrace", 21: "sys_admin", 27: "mknod", 31: "setfcap",
}  # fmt: skip
"""Those that are as good as root."""

SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-")

ENGINES = (
    "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
    "/run/libvirt/libvirt-sock", "/var/lib/lxd/unix.socket", "/var/lib/incus/unix.socket",
)  # fmt: skip
"""Who may write to one has whatever container or machine he likes."""

INTERPRETERS = re.compile(r"(ba|da|z|k)?sh|python[\d.]*|perl|ruby|env|nice|ionice|flock|timeout|nohup|exec")
AS_ANOTHER = re.compile(r"\b(runuser|su|setpriv|chpst|gosu)\b|\bsudo\s+(-\S+\s+)*(-u|--user)")
RESTARTS = re.compile(r"\S*/systemctl (start|stop|restart|reload|try-restart|reload-or-restart) [\w@.-]+")
"""What clusters' tools are given by sudo: nothing but the life of a unit."""


OFTEN = ("hourly", "daily", "weekly", "monthly")
UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")


class Somebody:
    """An OS user and his groups."""

    def __init__(self, name: str) -> None:
        known = pwd.getpwnam(name)
        self.name, self.uid, self.home = name, known.pw_uid, known.pw_dir
        self.groups = set(os.getgrouplist(name, known.pw_gid))

    def may(self, known: os.stat_result, right: int) -> bool:
        if known.st_uid == self.uid:
            return bool(known.st_mode & right << 6)
        if known.st_gid in self.groups:
            return bool(known.st_mode & right << 3)
        return bool(known.st_mode & right)

    def reaches(self, path: str) -> bool:
        """Whether every folder on the way lets him through."""
        return all(self.may(os.stat(folder), RUN) for folder in _above(path))

    def changes(self, path: str) -> str:
        """The file or folder by which he could exchange what stands at a path; nothing when there is none.

        In a sticky folder everybody has his own.
        """
        real = os.path.realpath(path)
        try:
            if self.may(os.stat(real), WRITE) and not os.path.isdir(real) and self.reaches(real):
                return real
        except FileNotFoundError:
            pass
        for folder in _above(real):
            if os.path.isdir(folder):
                known = os.stat(folder)
                free = not known.st_mode & stat.S_ISVTX or known.st_uid == self.uid
                if self.may(known, WRITE) and self.may(known, RUN) and free and self.reaches(folder):
                    return folder
        return ""


def _above(path: str) -> list[str]:
    parts = path.strip("/").split("/")[:-1]
    return ["/", *("/" + "/".join(parts[: at + 1]) for at in range(len(parts)))]


def ways_to_root(question: Any, run: Any, text_of: Any) -> dict[str, Any]:
    """By user: what lets him be root, and the keys that log in as him; None for one that there is not."""
    people = [Somebody(name) for name in question["users"] if _is_there(name)]
    absent: dict[str, Any] = dict.fromkeys(question["users"])
    found: dict[str, list[str]] = {user.name: [] for user in people}
    _walk(people, found, question["config_folder"])
    trusted = _root_keys(run, text_of)
    commands = _commands(text_of)
    for user in people:
        found[user.name] += [
            *_named(user),
            *_sudo(user, run),
            *_doas(user, text_of),
            *_keys_of_root(user, trusted),
            *_run_by_root(user, commands),
            *_opened_to(user),
            *_polkit(user, text_of),
        ]
    told = {
        user.name: {"ways": sorted(set(found[user.name])), "keys": _keys_for(user, run, text_of)}
        for user in people
    }
    return {**absent, **told}


def _is_there(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


# -- what the files are ----------------------------------------------------------------------------------


def _walk(people: list[Somebody], found: dict[str, list[str]], config: str) -> None:
    """All that root trusts, and where programs with root's rights may be, once for everybody."""
    own = os.path.dirname(os.path.dirname(config))
    for top in dict.fromkeys((*TRUSTED, *OPEN_TO_ALL)):
        trusted, device = top in TRUSTED, None
        for folder, folders, files in os.walk(top):
            at = os.lstat(folder)
            device = at.st_dev if device is None else device
            # a server's own configuration and data are its own; other disks are not gone through
            skip = folder.startswith(own) or at.st_dev != device or "PG_VERSION" in files
            skip = skip or (not trusted and folder.count("/") > 6)
            if skip:
                folders[:] = []
                continue
            names = [*files, *(name for name in folders if os.path.islink(f"{folder}/{name}"))]
            for path in [*([folder] if trusted else []), *(f"{folder}/{name}" for name in names)]:
                _look(path, trusted, people, found)


def _look(path: str, trusted: bool, people: list[Somebody], found: dict[str, list[str]]) -> None:
    real, known = _end(path, trusted and path.startswith(("/etc/", "/run/")))
    if known is None or not (stat.S_ISREG(known.st_mode) or stat.S_ISDIR(known.st_mode)):
        return
    rights = _rights(real, known) if stat.S_ISREG(known.st_mode) else ""
    if rights and not os.statvfs(real).f_flag & os.ST_NOSUID:
        for user in people:
            found[user.name] += [rights] if user.may(known, RUN) and user.reaches(real) else []
    # most are root's, and nobody else's
    if trusted and (known.st_uid or known.st_mode & 0o022) and not known.st_mode & stat.S_ISVTX:
        for user in people:
            written = user.may(known, WRITE) and user.reaches(real)
            found[user.name] += [f"{real} can be written"] if written else []


def _end(path: str, follow: bool) -> tuple[str, os.stat_result | None]:
    """What stands there, or what a link leads to that root goes by."""
    try:
        known = os.lstat(path)
        if stat.S_ISLNK(known.st_mode) and follow:
            path = os.path.realpath(path)
            known = os.lstat(path)
    except OSError:
        return path, None
    return path, known


def _rights(path: str, known: os.stat_result) -> str:
    """The rights that a program gives to whoever runs it."""
    if not known.st_mode & 0o111:
        return ""
    packaged = path.startswith(THEIRS) and os.path.basename(path) in SETUID
    if known.st_mode & stat.S_ISUID and known.st_uid == 0 and not packaged:
        return f"{path} is setuid root"
    if known.st_mode & stat.S_ISGID and known.st_gid == 0 and not packaged:
        return f"{path} is setgid root"
    try:
        raw = os.getxattr(path, "security.capability")
    except OSError:
        return ""
    permitted = struct.unpack_from("<I", raw, 4)[0]
    names = [name for bit, name in CAPABILITIES.items() if permitted >> bit & 1]
    return f"{path} has cap_{', cap_'.join(names)}" if names and not packaged else ""


def _opened_to(user: Somebody) -> list[str]:
    """Secrets, disks and engines that are root's."""
    found = [f"{path} can be read" for path in SECRETS if _may(user, path, READ)]
    found += [f"{path} can be written" for path in ENGINES if _may(user, path, WRITE)]
    for name in os.listdir("/dev"):
        path = f"/dev/{name}"
        try:
            known = os.stat(path)
        except OSError:
            continue
        disk = stat.S_ISBLK(known.st_mode) or name in ("mem", "kmem", "port")
        if disk and user.may(known, READ):
            found.append(f"{path} can be read")
    return found


def _may(user: Somebody, path: str, right: int) -> bool:
    try:
        return user.may(os.stat(path), right) and user.reaches(path)
    except OSError:
        return False


# -- who the user is -------------------------------------------------------------------------------------


def _named(user: Somebody) -> list[str]:
    """Root by another name, and root without a password."""
    found = [] if user.uid else ["its number is 0"]
    found += [
        f"{known.pw_name} has number 0, too"
        for known in pwd.getpwall()
        if not known.pw_uid and known.pw_name != "root"
    ]
    found += ["it is in group 0"] if 0 in user.groups and grp.getgrgid(0).gr_name != "root" else []
    with open("/etc/shadow", encoding="utf-8", errors="replace") as file:
        found += ["root has an empty password"] if any(line.startswith("root::") for line in file) else []
    return found


def _sudo(user: Somebody, run: Any) -> list[str]:
    """As sudo itself has it, with all groups, aliases and files."""
    if shutil.which("sudo", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        return []
    said = run("sudo", "-n", "-l", "-U", user.name, allowed=(0, 1))
    if "is not allowed to run sudo" in said:
        return []
    _, found, listed = said.partition("may run the following commands")
    if not found:
        raise OSError(f"sudo -l -U {user.name} says neither yes nor no")
    entries = [" ".join(text.split()) for text in re.split(r"\n\s+(?=\()", listed.partition(":")[2])]
    return [f"sudo: {entry}" for entry in entries if entry and not _harmless(entry)]


def _harmless(entry: str) -> bool:
    """As another user than root, or no more than the life of units."""
    as_whom, _, what = entry.lstrip("(").partition(")")
    whom = {name.strip() for name in as_whom.split(":")[0].split(",")}
    if not whom & {"ALL", "root", "#0"} and not any(name[:1] in "%!#+" for name in whom):
        return ":" not in as_whom
    commands = re.sub(r"\b[A-Z]+:\s*", "", what).split(",")
    return all(RESTARTS.fullmatch(command.strip()) for command in commands)


def _doas(user: Somebody, text_of: Any) -> list[str]:
    names = {user.name, str(user.uid), *(f":{_group(number)}" for number in user.groups)}
    lines = (text_of("/etc/doas.conf") or "").splitlines()
    return [f"doas: {line}" for line in lines if line.split()[:1] == ["permit"] and names & set(line.split())]


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _polkit(user: Somebody, text_of: Any) -> list[str]:
    """A rule that names the user and says yes; one that asks for a unit by name is about that unit."""
    found = []
    for top in ("/etc/polkit-1", "/usr/share/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d"):
        for folder, _, files in os.walk(top):
            for name in files:
                text = re.sub(r"(?m)//.*$|^\s*#.*$", "", _text(f"{folder}/{name}", text_of))
                names = "|".join(map(re.escape, [user.name, *map(_group, user.groups)]))
                named = re.search(rf"""["':]({names})["';\s]""", text)
                if named and re.search(r"Result\.YES|=\s*yes\b", text) and "lookup(" not in text:
                    found.append(f"polkit: {folder}/{name}")
    return found


# -- keys ------------------------------------------------------------------------------------------------


def _key_files(user: str, home: str, run: Any) -> list[str]:
    """Where sshd looks for the keys of a user."""
    try:
        lines = run("sshd", "-T", "-C", f"user={user}").splitlines()
    except OSError:
        lines = []
    named = [line.split()[1:] for line in lines if line.startswith("authorizedkeysfile ")]
    found = []
    for word in named[0] if named else [".ssh/authorized_keys", ".ssh/authorized_keys2"]:
        path = word.replace("%u", user).replace("%h", home).replace("%%", "%")
        found.append(path if path.startswith("/") else f"{home}/{path}")
    return [path for path in found if path != "none"]


def _keys(text: str) -> list[tuple[str, str]]:
    """Options and key of each line."""
    pattern = r"(?m)^\s*(?!#)(?:(.*?)\s)?((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/=]{30,})"
    return [(found[1] or "", found[3]) for found in re.finditer(pattern, text)]


def _root_keys(run: Any, text_of: Any) -> list[str]:
    return [key for path in _key_files("root", "/root", run) for _, key in _keys(text_of(path) or "")]


def _keys_for(user: Somebody, run: Any, text_of: Any) -> list[str]:
    """Where keys give anybody a shell of this user: not one that is bound to a command, or to the hosts of a backup."""
    found = []
    for path in _key_files(user.name, user.home, run):
        try:
            text = text_of(path) or ""
        except OSError as error:
            text = ""
            found.append(str(error))
        found += [path for options, _ in _keys(text) if not re.search("(command|from)=", options)]
    return sorted(set(found))


def _keys_of_root(user: Somebody, trusted: list[str]) -> list[str]:
    """Keys of this user's that root lets in, whether only the private half is there or the public one."""
    folder = f"{user.home}/.ssh"
    found = []
    try:
        names = sorted(os.listdir(folder)) if trusted else []
    except OSError:
        return []
    for name in names:
        try:
            file = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with open(file, "rb") as opened:
            text = opened.read(65536).decode("latin-1") if stat.S_ISREG(os.fstat(file).st_mode) else ""
        if name.startswith("known_hosts"):
            continue
        held = _decoded(text)
        if any(key in text or base64.b64decode(key + "==")[4:] in held for key in trusted):
            found.append(f"root lets in the key {folder}/{name}")
    return found


def _decoded(text: str) -> bytes:
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""


# -- what root runs --------------------------------------------------------------------------------------


def _commands(text_of: Any) -> list[tuple[str, str]]:
    """Each command that root runs by itself, and where that is written."""
    ways: tuple[tuple[list[str], Callable[[str], list[str]]], ...] = (
        (_listed("/etc/cron.d", "/etc/crontab"), lambda text: _of_crontab(text, True)),
        (["/var/spool/cron/crontabs/root", "/var/spool/cron/root"], lambda text: _of_crontab(text, False)),
        ([path for often in OFTEN for path in _listed(f"/etc/cron.{often}")], _plain),
        (
            [
                "/etc/rc.local",
                "/etc/ld.so.preload",
                *_listed("/etc/profile.d", "/root/.profile", "/root/.bashrc"),
            ],
            _plain,
        ),
        (
            [path for folder in UNITS for path in _below(folder) if path.endswith((".service", ".conf"))],
            _of_unit,
        ),
    )
    return [(path, line) for found, read in ways for path in found for line in read(_text(path, text_of))]


def _below(folder: str) -> list[str]:
    return [f"{top}/{name}" for top, _, files in os.walk(folder) for name in files]


def _text(path: str, text_of: Any) -> str:
    """Nothing of what is no plain file, such as a masked unit; who could have led it elsewhere is found by `_walk`."""
    try:
        return text_of(path) or ""
    except OSError:
        return ""


def _listed(folder: str, *more: str) -> list[str]:
    try:
        names = [f"{folder}/{name}" for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        names = []
    return [path for path in (*names, *more) if os.path.isfile(path)]


def _plain(text: Any) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip() and line.strip()[0] != "#"]


def _of_crontab(text: Any, named: bool) -> list[str]:
    """Commands of root. Five fields or one say when; where `named`, the next says whose it is."""
    found = []
    for line in _plain(text):
        fields = (1 if line.startswith("@") else 5) + named
        words = line.split(None, fields)
        assigned = re.match(r"\w+\s*=", line)
        if not assigned and len(words) > fields and (not named or words[fields - 1] == "root"):
            found.append(words[fields])
    return found


def _of_unit(text: Any) -> list[str]:
    """What a unit runs as root."""
    lines = _plain(re.sub(r"\\\n", " ", text or ""))
    users = [line.partition("=")[2].strip() for line in lines if re.match(r"User\s*=", line)]
    another = bool(users) and users[-1] not in ("", "root", "0")
    found = []
    for line in lines:
        match = re.match(r"Exec\w+\s*=\s*([-@:+!|]*)(.*)", line)
        if match and (not another or "+" in match[1] or "!" in match[1]):
            found.append(match[2])
    return found


def _run_by_root(user: Somebody, commands: list[tuple[str, str]]) -> list[str]:
    found = []
    for place, command in commands:
        changed = [(program, user.changes(program)) for program in _programs(command)]
        found += [f"{place} runs {program}, and {by} can be written" for program, by in changed if by]
    return found


def _programs(command: str) -> list[str]:
    """Programs and scripts of a command line of root's; what it hands to another user is his."""
    if AS_ANOTHER.search(command):
        return []
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    words = [part for word in words for part in re.split(r"[\s;|&()<>]+", word) if part]
    found, script = [], False
    for at, word in enumerate(words):
        if word.startswith("/") and "%" not in word and "$" not in word:
            runs = at == 0 or script or (os.access(word, os.X_OK) and os.path.isfile(word))
            found += [word] if runs else []
        script = (script and word.startswith("-")) or bool(INTERPRETERS.fullmatch(os.path.basename(word)))
        script = script or word in (".", "source")
    return found
