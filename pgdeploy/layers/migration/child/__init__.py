"""Runs in a process of its own: the code of the project, and nothing of ours but the words with who asked."""
