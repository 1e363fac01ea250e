"""ssh's file of host keys: a key that is proved is written there under the host's name, and an older one goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pgdeploy.errors import TargetError
from pgdeploy.reach.keygen import keygen
from pgdeploy.reach.login import effective


def remember(host: str, options: Sequence[str], key: str, note: Callable[[str], None]) -> Path:
    """Write the key (`ssh-ed25519 AAAA...`) into the file that ssh with these options reads first; the file.

    Raises:
        TargetError: ssh or ssh-keygen refuses, or the file cannot be written.
    """
    known = effective(host, options)
    alias = known.get("hostkeyalias", [""])[0]
    port = int(known["port"][0])
    name = alias or known["hostname"][0]
    if port != 22 and not alias:
        name = f"[{name}]:{port}"
    first = " ".join(known["userknownhostsfile"]).split()[0]
    if first == "none":
        raise TargetError(
            f"{host}: ssh keeps no host keys (`UserKnownHostsFile none`), so it would not know the VM's; name a file"
        )
    file = Path(first).expanduser()
    try:
        _write(file, name, key, note)
    except OSError as error:
        raise TargetError(f"{file}: the host key cannot be written: {error.strerror}") from None
    return file


def _write(file: Path, name: str, key: str, note: Callable[[str], None]) -> None:
    found = _keys_of(file, name) if file.exists() else []
    if found == [key]:
        return
    if found:
        # hashed names too; it leaves the old file beside it
        keygen("-R", name, "-f", str(file))
        note(f"another host key of {name} was in {file}; it is replaced")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as known_hosts:
        known_hosts.seek(0)
        text = known_hosts.read()
        known_hosts.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{name} {key}\n")


def _keys_of(file: Path, name: str) -> list[str]:
    """All keys that the file has under this name."""
    lines = keygen("-F", name, "-f", str(file), may_fail=True).splitlines()
    # @revoked and @cert-authority lines say something else
    return [" ".join(line.split()[1:3]) for line in lines if line and line[0] not in "#@"]
