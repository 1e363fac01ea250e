"""The parts of a target, one folder each: the virtual machine, the host and the PostgreSQL server."""
