"""What is wrong in a spec and only the whole shows, one file a kind: `problems(spec)`."""
