"""Runs on the host, as root, in one remote command: reads all that the checks ask about, prints one JSON object.

It needs Python 3.9 and nothing else. The global `question` is there before it, as `question.py` makes it and
`Host.ask` hands it over. Each section is its value, or {"error": why} when it could not be read: unreadable is
not absent. What is absent is null. Sections are read side by side: what takes time are the programs.
"""

from __future__ import annotations

import ctypes
import grp
import json
import os
import platform
import pwd
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pgdeploy.layers.host.way_to_root import ways_to_root

PATIENCE = 10
"""Seconds that a program or a connection may take."""

PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

LARGEST = 4 << 20
"""Bytes of a file that are read at most."""


def run(*command: str, allowed: tuple[int, ...] = (0,), user: tuple[int, int] | None = None) -> str:
    """What a program prints; `allowed` are the exit codes that are no failure, `user` is who runs it, and his group."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": PROGRAMS}
    identity: Any = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        env=environment,
        stdin=subprocess.DEVNULL,
        **identity,
    )
    if done.returncode not in allowed:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"{command[0]}: {said[-1] if said else f'exit code {done.returncode}'}")
    printed: str = done.stdout.decode(errors="replace")
    return printed


def text_of(path: str) -> Any:
    """A file's text, or None when there is none."""
    try:
        if path.startswith(("/proc/", "/sys/")):
            return Path(path).read_text(encoding="utf-8", errors="replace")
        file, actual, kind = opened(path)
    except FileNotFoundError:
        return None
    try:
        if kind != "file":
            raise OSError(f"{path} is a {kind}, and is not read")
        if actual.st_size > LARGEST:
            raise OSError(f"{path} has more than {LARGEST} bytes, and is not read")
        return content(file)
    finally:
        os.close(file)


def content(file: int) -> str:
    """The text of the very file that was looked at, as far as it is read."""
    with open(f"/proc/self/fd/{file}", "rb") as read:  # noqa: PTH123
        return read.read(LARGEST).decode("utf-8", "replace")


MOST_LINKS = 40
"""On one way, as in the kernel."""

KINDS = {0o040000: "directory", 0o100000: "file", 0o120000: "link", 0o010000: "FIFO"}


def opened(path: str, passed: Any = None) -> tuple[int, os.stat_result, str]:
    """A descriptor (O_PATH) of what stands there, its owner and mode, and its kind.

    The way is gone one name at a time. A link is only followed where root alone could have set it: in his own folder
    postgres can exchange any file for a link to one of root's, which we would read for him. For the same reason a
    second name of another user's file has a kind of its own. `passed` gets each folder on the way, and what it is.
    """
    ahead, links = path.split("/")[::-1], 0
    folder, roots = os.open("/", os.O_PATH), True
    try:
        while True:
            name = ahead.pop() or "."
            actual = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(actual.st_mode) and roots and of_root(actual) and links < MOST_LINKS:
                to = os.readlink(name, dir_fd=folder)
                ahead, links = ahead + to.split("/")[::-1], links + 1
                after = os.open("/" if to[:1] == "/" else ".", os.O_PATH, dir_fd=folder)
            elif ahead:
                after = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            else:
                return last(name, folder, roots)
            os.close(folder)
            folder, known = after, os.fstat(after)
            # in a sticky folder, as /tmp, everybody sets links, and none but his own
            alone = not known.st_mode & 0o022 or bool(known.st_mode & stat.S_ISVTX)
            roots = roots and known.st_uid == 0 and alone
            if passed is not None:
                passed[os.readlink(f"/proc/self/fd/{folder}")] = known  # noqa: PTH115
    finally:
        os.close(folder)


def of_root(link: os.stat_result) -> bool:
    """A second name of a link of root's may be anybody's."""
    return link.st_uid == 0 and link.st_nlink == 1


def last(name: str, folder: int, roots: bool) -> tuple[int, os.stat_result, str]:
    """The end of a way: nothing is opened for reading yet, as a FIFO would wait for its writer."""
    file = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
    actual = os.fstat(file)
    kind = KINDS.get(stat.S_IFMT(actual.st_mode), "special file")
    foreign = actual.st_nlink > 1 and not roots and actual.st_uid != os.fstat(folder).st_uid
    return file, actual, "second name" if kind == "file" and foreign else kind


def assignments(text: str) -> dict[str, str]:
    """NAME=value lines, as os-release, /etc/default/locale and start.conf's cousins have them."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line[:1] != "#")
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


# -- the machine ---------------------------------------------------------------------------------------


def system(question: Any) -> Any:
    known = assignments(text_of("/etc/os-release") or "")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "id": known.get("ID", ""),
        "version_id": known.get("VERSION_ID", ""),
        "codename": known.get("VERSION_CODENAME", ""),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "container": run("systemd-detect-virt", "-c", allowed=(0, 1)).strip(),
        "cpus": os.cpu_count(),
        "memory": pages,
        "now": time.time(),
    }


def sysctl(question: Any) -> Any:
    """One line of words a name; None for one that this kernel does not know."""
    found = {}
    for name in question["sysctl"]:
        # as sysctl has it: a slash in a name is a dot in a part, such as a network card's of a VLAN
        path = "/proc/sys/" + name.translate({ord("."): "/", ord("/"): "."})
        text = text_of(path)
        found[name] = None if text is None else " ".join(text.split())
    return found


def huge_pages(question: Any) -> Any:
    lines = (line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    memory = {name: value.split() for name, value in lines}
    transparent = text_of("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = [word.strip("[]") for word in (transparent or "").split() if word.startswith("[")]
    return {
        "total": int(memory.get("HugePages_Total", ["0"])[0]),
        "size": int(memory.get("Hugepagesize", ["0"])[0]) * 1024,
        "transparent": chosen[0] if chosen else None,
    }


def clock(question: Any) -> Any:
    """`synchronised` is the kernel's own word (STA_UNSYNC is 64, maxerror below 16 s), as timedatectl asks it."""
    # a zone has several names that are one file
    target = os.path.realpath("/etc/localtime")
    folder = "/usr/share/zoneinfo/"
    named = (text_of("/etc/timezone") or "").strip()
    zone = target[len(folder) :] if target.startswith(folder) else named
    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(buffer) < 0:
        raise OSError(f"adjtimex: {os.strerror(ctypes.get_errno())}")
    # struct timex: modes, offset, frequency, maxerror, esterror, status
    _, _, _, largest, _, status = struct.unpack_from("@illlli", buffer)
    wanted = question["time_zone"]
    there = wanted is not None and os.path.realpath(folder + wanted) == target
    return {
        "zone": wanted if there else zone or "UTC",
        "synchronised": not status & 64 and largest < 16_000_000,
    }


def locale(question: Any) -> Any:
    text = text_of("/etc/locale.conf") or text_of("/etc/default/locale") or ""
    return {"system": assignments(text).get("LANG"), "known": run("locale", "-a").split()}


# -- packages and units --------------------------------------------------------------------------------


def packages(question: Any) -> Any:
    """By name; None when not installed. `held` and `status` are dpkg's own words."""
    names = question["packages"]
    form = "${Package}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Status}\\n"
    found: dict[str, Any] = dict.fromkeys(names)
    for line in run("dpkg-query", "-W", "-f", form, *names, allowed=(0, 1)).splitlines():
        name, version, want, status = line.split("\t")
        if status not in ("not-installed", "config-files"):
            found[name] = {"version": version, "held": want == "hold", "status": status}
    return found


def origins(question: Any) -> Any:
    """Where apt would get the installed version from: lines such as `http://deb.debian.org/debian bookworm/main`.

    dpkg's own list, in which it always stands, is left out.
    """
    found: dict[str, list[str]] = {}
    name, installed = "", False
    for line in run("apt-cache", "policy", *question["origins"]).splitlines():
        words = line.split()
        if line[:1].strip():
            name = line.rstrip(":")
            found[name] = []
        elif line[1:5] in ("*** ", "    ") and len(words) in (2, 3) and not line.startswith("        "):
            installed = words[0] == "***"
        elif installed and len(words) > 2 and words[0].lstrip("-").isdigit():
            found[name].append(" ".join(words[1:3]))
    return found


UNIT = (
    "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestamp", "NRestarts", "FragmentPath",
    "ConditionResult", "ConditionTimestampMonotonic",
    "MainPID", "Result",
)  # fmt: skip


def units(question: Any) -> Any:
    """By name, with systemd's own words; `age` is the seconds since it became active."""
    names = question["units"]
    shown = run("systemctl", "show", "--timestamp=unix", "--property", ",".join(UNIT), "--", *names)
    blocks = [assignments(block) for block in shown.strip().split("\n\n")]
    found = {}
    for name, block in zip(names, blocks):  # noqa: B905 - 3.9 has no strict
        since = block.get("ActiveEnterTimestamp", "").lstrip("@")
        found[name] = {
            "load": block.get("LoadState", ""),
            "active": block.get("ActiveState", ""),
            "sub": block.get("SubState", ""),
            "file_state": block.get("UnitFileState", ""),
            "restarts": int(block.get("NRestarts") or 0),
            "path": block.get("FragmentPath", ""),
            "pid": int(block.get("MainPID") or 0),
            "result": block.get("Result", ""),
            # of one that was never started it says no, too
            "skipped": block.get("ConditionResult") == "no"
            and block.get("ConditionTimestampMonotonic", "0") != "0",
            "age": time.time() - float(since) if since.isdigit() and since != "0" else None,
        }
    return found


# -- files ---------------------------------------------------------------------------------------------


def paths(question: Any) -> Any:
    """By path; None for what is not there. The text only where it is asked for: never of a secret."""
    return {path: _path(path, wanted) for path, wanted in question["paths"].items()}


def _path(path: str, wanted: bool) -> Any:
    try:
        file, known, kind = opened(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = {
            "type": kind,
            "owner": _name(pwd.getpwuid, known.st_uid),
            "group": _name(grp.getgrgid, known.st_gid),
            "mode": format(known.st_mode & 0o7777, "04o"),
            "size": known.st_size,
        }
        return {**found, "text": content(file)} if wanted and kind == "file" else found
    finally:
        os.close(file)


def folders(question: Any) -> Any:
    """By path: who but root may exchange what is in a folder, or in one that a link leads through to it."""
    return {path: _writers(path) for path in question["folders"]}


def _writers(path: str) -> Any:
    """None where there is no such folder."""
    above: dict[str, os.stat_result] = {}
    here: dict[str, os.stat_result] = {"/": Path("/").stat()} if path == "/" else {}
    try:
        if path != "/":
            os.close(opened(os.path.dirname(path) + "/.", above)[0])  # noqa: PTH120
            os.close(opened(path + "/.", here)[0])
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return ["who set the link that stands there"]
    return sorted({who for at, known in here.items() if at not in above for who in _may_write(at, known)})


def _may_write(path: str, known: os.stat_result) -> Any:
    """In a sticky folder everybody has what is his own."""
    if known.st_uid:
        yield _name(pwd.getpwuid, known.st_uid)
    if known.st_mode & stat.S_ISVTX:
        return
    try:
        # PostgreSQL's tools know nothing of such a list, and its mask stands where the group's rights are
        raw = os.getxattr(path, "system.posix_acl_access")
    except OSError:
        raw = b""
    entries = [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw), 8)]
    mask = min([right for tag, right, _ in entries if tag == 0x10], default=7)
    for tag, right, number in entries:
        if right & mask & 2 and tag in (2, 8) and number:
            yield _name(pwd.getpwuid, number) if tag == 2 else f"group {_name(grp.getgrgid, number)}"
    own = [right & mask for tag, right, _ in entries if tag == 4]
    if (own[0] & 2 if own else known.st_mode & 0o020) and known.st_gid and not _alone(known):
        yield f"group {_name(grp.getgrgid, known.st_gid)}"
    if known.st_mode & 0o002:
        yield "everybody"


def _alone(known: os.stat_result) -> bool:
    """Whether the owner's own group has nobody else in it."""
    try:
        owner = pwd.getpwuid(known.st_uid)
        return owner.pw_gid == known.st_gid and not set(grp.getgrgid(known.st_gid).gr_mem) - {owner.pw_name}
    except KeyError:
        return False


def roots(question: Any) -> Any:
    """What lets the OS users be root; see way_to_root.py."""
    return ways_to_root(question, run, text_of)


def _name(look: Any, number: int) -> str:
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


def space(question: Any) -> Any:
    """Of the data directory: free bytes and inodes, and the mount that it stands on; None when it is not there."""
    folder = os.path.realpath(question["data_directory"])
    if not os.path.isdir(folder):  # noqa: PTH112
        return None
    known, mount, mounts = os.statvfs(folder), folder, _mounts()
    while mount not in mounts and mount != "/":
        mount = os.path.dirname(mount)  # noqa: PTH120
    return {
        "mount": mount,
        "free": known.f_bavail * known.f_frsize,
        "size": known.f_blocks * known.f_frsize,
        "inodes": known.f_favail,
    }


def mounted(question: Any) -> Any:
    """Whether something is mounted where the spec says."""
    return None if question["mount"] is None else os.path.realpath(question["mount"]) in _mounts()


def disks(question: Any) -> Any:
    """By name: how large a disk is, and what is where it should be mounted; None for one that is not there."""
    return {name: _disk(known["device"], known["mount"]) for name, known in question["disks"].items()}


def _disk(link: str, mount: Any) -> Any:
    if not os.path.exists(link):  # noqa: PTH110
        return None
    device = os.path.realpath(link)
    with open(device, "rb") as disk:  # noqa: PTH123
        start, size = disk.read(4096), disk.seek(0, os.SEEK_END)
    found = {"device": device, "size": size, "mounted": None, "boot": [], "file_system": None}
    if mount is not None:
        # of several lines the last is what is seen
        seen = run("findmnt", "-nvo", "SOURCE", "--mountpoint", mount, allowed=(0, 1)).split()
        lines = run(
            "findmnt", "-no", "SOURCE", "--fstab", "--evaluate", "--mountpoint", mount, allowed=(0, 1)
        )
        found["boot"] = [os.path.realpath(source) for source in lines.split()]
        there = os.path.ismount(mount) and os.stat(mount).st_dev == os.stat(device).st_rdev  # noqa: PTH116
        found["mounted"] = device if there else seen[-1] if seen else None
        found["file_system"] = _file_system(start, mount if there else None)
    return found


def _file_system(start: bytes, mount: Any) -> Any:
    """Bytes that a file system has for its own, by its first block; None where it is neither ext4 nor xfs."""
    if start[1080:1082] == b"\x53\xef":
        low, scale = struct.unpack_from("<I", start, 1028)[0], struct.unpack_from("<I", start, 1048)[0]
        high = struct.unpack_from("<I", start, 1360)[0] if start[1120] & 0x80 else 0
        return (low + (high << 32)) << (10 + scale)
    if start[:4] == b"XFSB" and mount is not None:
        # its log is no room for files
        known, log = os.statvfs(mount), struct.unpack_from(">I", start, 96)[0]
        return (known.f_blocks + log) * known.f_frsize
    return None


def _mounts() -> Any:
    """Every mount point; the kernel writes blanks in their names as octal numbers."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    names = [line.split()[4] for line in lines]
    return {name.encode().decode("unicode_escape").encode("latin-1").decode() for name in names}


# -- the cluster ---------------------------------------------------------------------------------------


def control(question: Any) -> Any:
    """pg_controldata's words on the cluster; None when there is no data directory."""
    folder = question["data_directory"]
    try:
        file, owner, _ = opened(folder)
        os.close(file)
        os.close(opened(f"{folder}/global/pg_control")[0])
    except FileNotFoundError:
        return None
    # as the folder's owner: what he cannot read himself, no link of his makes us read
    who = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    lines = run(f"{question['binaries']}/pg_controldata", folder, user=who).splitlines()
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {
        "checksums": known.get("Data page checksum version", "0") != "0",
        "state": known.get("Database cluster state", ""),
        "system": known.get("Database system identifier", ""),
    }


def postmaster(question: Any) -> Any:
    """The running server: its data directory and limits; None when there is none."""
    unit = units({"units": [question["unit"]]})[question["unit"]]
    pid = unit["pid"]
    if not pid:
        return None
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    files = [line.split()[3] for line in limits if line.startswith("Max open files")]
    most = [
        line.split()[4] for line in Path("/proc/1/limits").read_text().splitlines() if "open files" in line
    ]
    return {
        "pid": pid,
        "data_directory": command[command.index("-D") + 1] if "-D" in command else None,
        "open_files": int(files[0]) if files and files[0].isdigit() else None,
        "most_files": int(most[0]) if most and most[0].isdigit() else None,
        "oom_score": int(Path(f"/proc/{pid}/oom_score_adj").read_text()),
    }


def start(question: Any) -> Any:
    """Debian's own word on whether the cluster starts at boot: auto, manual or disabled; None without a file."""
    text = text_of(f"{question['config_folder']}/start.conf")
    words = [line.strip() for line in (text or "").splitlines() if line.strip() and line[0] != "#"]
    return None if text is None else (words[0] if words else "auto")


def users(question: Any) -> Any:
    """The groups of OS users; None for one that there is not."""
    found: dict[str, Any] = {}
    for user in question["users"]:
        try:
            known = pwd.getpwnam(user)
        except KeyError:
            found[user] = None
            continue
        numbers = os.getgrouplist(user, known.pw_gid)
        found[user] = sorted(_name(grp.getgrgid, number) for number in numbers)
    return found


def record(question: Any) -> Any:
    """The deployment record; None when there is none."""
    text = text_of(question["record"])
    return None if text is None else json.loads(text)


# -- the network ---------------------------------------------------------------------------------------


def listening(question: Any) -> Any:
    """Every TCP socket that listens: address, port, and the program's name as far as it is known."""
    owners = _owners()
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (text_of(table) or "").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                address, port = words[1].split(":")
                name = owners.get(words[9], "")
                found.append({"address": _address(address), "port": int(port, 16), "program": name})
    return found


def _address(text: str) -> str:
    """As /proc/net/tcp has it: words of four bytes in the machine's own order."""
    raw = b"".join(
        int(text[at : at + 8], 16).to_bytes(4, sys.byteorder)  # type: ignore[arg-type, unused-ignore]
        for at in range(0, len(text), 8)
    )
    return socket.inet_ntop(socket.AF_INET6 if len(raw) == 16 else socket.AF_INET, raw)


def _owners() -> dict[str, str]:
    """The program behind each socket's inode."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH115
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        found.update({link[8:-1]: name for link in links if link.startswith("socket:[")})
    return found


def firewall(question: Any) -> Any:
    """Our table as nft says it in JSON, None when there is none; and what is loaded at boot."""
    if not question["firewall"]:
        return None
    boot = text_of("/etc/nftables.conf")
    if shutil.which("nft", path=PROGRAMS) is None:
        return {"table": None, "boot": boot}
    tables = json.loads(run("nft", "-j", "list", "tables"))["nftables"]
    ours = {"family": "inet", "name": "pgdeploy"}
    if not any(ours.items() <= item.get("table", {}).items() for item in tables):
        return {"table": None, "boot": boot}
    known = json.loads(run("nft", "-j", "list", "table", "inet", "pgdeploy"))
    return {"table": known["nftables"], "boot": boot}


def exporter(question: Any) -> Any:
    """What the exporter says of itself; `status` is None when nothing answers."""
    if question["exporter"] is None:
        return None
    said = _scrape(question)
    # one that held a connection over the server's restart finds out by its first scrape, and is fine by the next
    return _scrape(question) if said.get("pg_up") == 0 else said


def container(question: Any) -> Any:
    """The exporter's own, as docker has it; None when there is none. Its environment stays where it is."""
    if question["container"] is None:
        return None
    words = "{{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Image}}"
    try:
        said = run("docker", "container", "inspect", "--format", words, question["container"])
    except OSError as error:
        if "no such container" in str(error).lower():
            return None
        raise
    state, restart, image = said.split()
    return {"state": state, "restart": restart, "image": image}


def _scrape(question: Any) -> Any:
    url = f"http://{question['exporter']}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            status, text = answer.status, _body(answer).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return {"status": error.code, "why": str(error.reason)}
    except OSError as error:
        return {"status": None, "why": str(getattr(error, "reason", error))}
    values = {}
    for line in text.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in ("pg_up", "pg_exporter_last_scrape_error"):
            values[name] = float(line.rpartition(" ")[2])
    return {
        "status": status,
        "pg_up": values.get("pg_up"),
        "scrape_error": values.get("pg_exporter_last_scrape_error"),
    }


def _body(answer: Any) -> bytes:
    """Bounded in size and time: any user of the host may answer in the exporter's place."""
    end, parts, size = time.monotonic() + PATIENCE, [], 0
    while part := answer.read1(65536):
        parts.append(part)
        size += len(part)
        if size > LARGEST or time.monotonic() > end:
            raise OSError(f"its answer has no end within {PATIENCE} s and {LARGEST} bytes")
    return b"".join(parts)


def tls(question: Any) -> Any:
    """A handshake as any client makes it, the certificate that came, and whether an older version is refused."""
    if question["tls"] is None:
        return None
    try:
        version, certificate = _handshake(question, None)
    except ConnectionRefusedError:
        return {"version": None, "why": "nothing listens"}
    if certificate is None:
        return {"version": None, "why": "the server has no TLS"}
    try:
        older = _handshake(question, question["tls"]["older"])[0]
    except (ssl.SSLError, ConnectionError):
        older = None
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    return {
        "version": version,
        "older": older,
        **_certificate(pem),
        **_file(question["tls"]["certificate"]),
    }


def pair(question: Any) -> Any:
    """Whether the files of certificate and key belong together; None where one of them is missing.

    The key goes from its file to openssl, and nowhere else.
    """
    if question["tls"] is None:
        return None
    texts = [text_of(question["tls"][name]) for name in ("certificate", "key")]
    if None in texts:
        return None
    known = _public(texts[0], "x509", "-noout", "-pubkey")
    return known == _public(texts[1], "pkey", "-pubout", "-passin", "pass:")


def _public(text: str, *words: str) -> bytes:
    """The public half of what is in a file."""
    done = subprocess.run(
        ["openssl", *words], input=text.encode(), capture_output=True, check=False, timeout=PATIENCE
    )
    if done.returncode or not done.stdout:
        what = "certificate" if words[0] == "x509" else "key without a passphrase"
        raise OSError(f"openssl {words[0]}: the file holds no {what}")
    return done.stdout.strip()


def _handshake(question: Any, highest: Any) -> Any:
    """SSLRequest on PostgreSQL's port, then TLS; (None, None) when the server has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if highest is not None:
        # openssl's own defaults would refuse before the server could
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion[highest.replace(".", "_")]
    with socket.create_connection((question["address"], question["port"]), timeout=PATIENCE) as plain:
        plain.sendall(struct.pack("!ii", 8, 80877103))
        if plain.recv(1) != b"S":
            return None, None
        with context.wrap_socket(plain) as secure:
            return secure.version(), secure.getpeercert(binary_form=True)


def _certificate(pem: str) -> Any:
    """What a certificate says: names, the end of its time in seconds since 1970, fingerprint."""
    done = subprocess.run(
        [
            "openssl",
            "x509",
            "-noout",
            "-subject",
            "-enddate",
            "-fingerprint",
            "-sha256",
            "-ext",
            "subjectAltName",
        ],
        input=pem.encode(),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    names, end, fingerprint = [], None, ""
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("notAfter="):
            end = ssl.cert_time_to_seconds(line.partition("=")[2])
        elif "ingerprint=" in line:
            fingerprint = line.partition("=")[2].replace(":", "").lower()
        elif line.startswith(" "):
            names = [word.strip().partition(":")[2] for word in line.split(",")]
    if end is None:
        raise OSError(f"openssl x509: {done.stderr.decode(errors='replace').strip()[:200]}")
    return {"names": names, "expires": end, "fingerprint": fingerprint}


def _file(path: Any) -> Any:
    """The fingerprint of the first certificate in a file; None when there is none."""
    import hashlib

    text = text_of(path) if path else None
    if not text or "-----BEGIN CERTIFICATE-----" not in text:
        return {"file": None}
    end = "-----END CERTIFICATE-----"
    first = text[text.index("-----BEGIN CERTIFICATE-----") :].partition(end)[0] + end + "\n"
    return {"file": hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()}


def client(question: Any) -> Any:
    """Where the ssh session comes from, as this host sees it; None without one."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    return words[0] if words else None


SECTIONS = {
    "os": system,
    "sysctl": sysctl,
    "huge_pages": huge_pages,
    "clock": clock,
    "locale": locale,
    "packages": packages,
    "origins": origins,
    "units": units,
    "paths": paths,
    "folders": folders,
    "roots": roots,
    "space": space,
    "mounted": mounted,
    "disks": disks,
    "control": control,
    "postmaster": postmaster,
    "start": start,
    "users": users,
    "record": record,
    "listening": listening,
    "firewall": firewall,
    "exporter": exporter,
    "container": container,
    "tls": tls,
    "pair": pair,
    "client": client,
}


def section(read: Any, question: Any) -> Any:
    """One section; whatever goes wrong is its own error and nobody else's."""
    try:
        return {"value": read(question)}
    except Exception as error:  # noqa: BLE001 - each section stands for itself
        words = str(error) or type(error).__name__
        return {"error": words if isinstance(error, OSError) else f"{type(error).__name__}: {words}"}


def gather(question: Any) -> Any:
    """Every section."""
    with ThreadPoolExecutor(8) as pool:
        told = {name: pool.submit(section, read, question) for name, read in SECTIONS.items()}
        return {name: future.result() for name, future in told.items()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump(gather(question), sys.stdout)  # type: ignore[name-defined] # noqa: F821 - stands before us
