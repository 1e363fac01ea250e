"""How to reach something: a server by DSN, by ssh, in a container or embedded; a host; Proxmox."""
