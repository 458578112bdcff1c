"""Targets: what figures come to, whether a promise is kept, and what may be reported."""
