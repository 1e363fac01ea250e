"""A throw-away host in a container: Debian with systemd and sshd, as a real one has them (`--on container`)."""
