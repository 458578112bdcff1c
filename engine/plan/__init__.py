"""The yearly work plan: launching it, what its diagrams call, and how it stands."""
