"""The virtual machine under the host, in Proxmox VE: its checks, its plan and steps, the waits, and the way in."""
