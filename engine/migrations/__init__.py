"""Alembic's scripts: one step per change of the tables."""
