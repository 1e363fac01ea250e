"""Making a VM as the spec says, in Proxmox VE: the plan, its steps, the waits, and the way in."""
