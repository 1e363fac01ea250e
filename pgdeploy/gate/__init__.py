"""A target: a spec file and what follows from it, how its server is reached, and its checks asked of it."""
