"""Services: containers of PostgreSQL, TimescaleDB and Redis that compose runs."""
