"""What is Redis's own: its settings, its users, and what a running one says."""
