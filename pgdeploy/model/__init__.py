"""The models of a spec: one file a section. They know nothing of servers and of checks."""
