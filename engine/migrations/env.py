"""Runs the steps on the connection that `application.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from engine.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)  # fmt: skip
context.run_migrations()
