"""What pyinfra does on a host: pg01.py is the whole of it, and each step is a `@deploy` of its own to import."""
