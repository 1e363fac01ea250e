"""What runs across layers."""
