"""The guest agent behind the API."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from tests.simulators.proxmox.call import VM, Call, Handler, handles
from tests.simulators.proxmox.guest import AgentAbsent, AgentError
from tests.simulators.proxmox.refusal import Refusal

MOST = 16 << 20
"""What file-read gives at the most, in bytes."""

COMMANDS = {
    "ping": "POST",
    "info": "GET",
    "network-get-interfaces": "GET",
    "get-host-name": "GET",
    "get-osinfo": "GET",
}


def ask(call: Call, command: str, arguments: Mapping[str, object]) -> object:
    """What the agent gives; raises AgentError when it answers with an error."""
    machine = call.machine
    if "agent" not in machine.config:
        raise Refusal("No QEMU guest agent configured")
    if machine.running is None:
        raise Refusal(f"VM {machine.vmid} is not running")
    if not _has_channel(machine.running.get("agent", "0")):
        raise Refusal("QEMU guest agent is not running")
    try:
        with call.cluster.outside():
            machine.guest.agent("guest-ping", {})
            return machine.guest.agent(command, arguments)
    except AgentAbsent:
        raise Refusal("QEMU guest agent is not running") from None


def _has_channel(value: str) -> bool:
    """The device is there if the agent was enabled when the machine started."""
    first = next((part for part in value.split(",") if "=" not in part or part.startswith("enabled=")), "0")
    return first.removeprefix("enabled=") in ("1", "on", "yes", "true")


def _command(name: str) -> Handler:
    def handler(call: Call) -> object:
        try:
            return {"result": ask(call, f"guest-{name}", {})}
        except AgentError as error:
            return {"result": {"error": {"class": "GenericError", "desc": str(error)}}}

    return handler


for _name, _method in COMMANDS.items():
    handles(_method, f"{VM}/agent/{_name}")(_command(_name))


@handles("GET", f"{VM}/agent/file-read")
def file_read(call: Call) -> object:
    try:
        content = ask(call, "guest-file-read", {"path": call.parameters["file"]})
    except AgentError as error:
        raise Refusal(f"Agent error: {error}") from None
    assert isinstance(content, bytes)
    begin = int(call.get("offset") or 0)
    end = begin + int(call.get("count") or MOST)
    part = content[begin:end]
    text = part.decode("latin-1") if call.flag("decode", default=True) else base64.b64encode(part).decode()
    answer: dict[str, object] = {"content": text, "bytes-read": len(part)}
    return answer if end >= len(content) else {**answer, "truncated": 1}
