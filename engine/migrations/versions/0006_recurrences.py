"""Recurring duties, their occurrences and changes, and the processes that tick"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('recurrence',
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('frequency', sa.String(length=100), nullable=False),
    sa.Column('day_kind', sa.String(length=100), nullable=False),
    sa.Column('day_number', sa.Integer(), nullable=False),
    sa.Column('month', sa.Integer(), nullable=True),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('roll', sa.String(length=100), nullable=False),
    sa.Column('term_only', sa.Boolean(), nullable=False),
    sa.Column('catch_up', sa.Boolean(), nullable=False),
    sa.Column('opener', sa.String(length=100), nullable=True),
    sa.Column('definition_key', sa.String(length=100), nullable=True),
    sa.Column('variables', sa.JSON(), nullable=False),
    sa.Column('unit_key', sa.String(length=100), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('article', sa.Text(), nullable=True),
    sa.Column('assumed', sa.Boolean(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('active_from', sa.Date(), nullable=True),
    sa.Column('active_to', sa.Date(), nullable=True),
    sa.Column('since', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_recurrence'))
    )
    op.create_table('occurrence',
    sa.Column('recurrence_key', sa.String(length=100), nullable=False),
    sa.Column('period_key', sa.String(length=100), nullable=False),
    sa.Column('period_name', sa.String(length=100), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('planned_for', UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('outcome', sa.String(length=100), nullable=False),
    sa.Column('ran_at', UtcDateTime(), nullable=True),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('asked_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recurrence_key'], ['recurrence.key'], name=op.f('fk_occurrence_recurrence_key')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_occurrence_instance_id')),
    sa.ForeignKeyConstraint(['asked_by_id'], ['person.id'], name=op.f('fk_occurrence_asked_by_id')),
    sa.PrimaryKeyConstraint('recurrence_key', 'period_key', name=op.f('pk_occurrence'))
    )
    op.create_index(op.f('ix_occurrence_planned_for'), 'occurrence', ['planned_for'])
    op.create_table('recurrence_change',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('recurrence_key', sa.String(length=100), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('actor_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('before', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['person.id'], name=op.f('fk_recurrence_change_actor_id')),
    sa.ForeignKeyConstraint(['recurrence_key'], ['recurrence.key'], name=op.f('fk_recurrence_change_recurrence_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recurrence_change'))
    )
    op.create_index(op.f('ix_recurrence_change_recurrence_key_at'), 'recurrence_change', ['recurrence_key', 'at'])
    op.create_table('scheduler_node',
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('version', sa.String(length=100), nullable=False),
    sa.Column('started_at', UtcDateTime(), nullable=False),
    sa.Column('ticked_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_scheduler_node'))
    )
    _monthly_round()


def _monthly_round() -> None:
    """The job that opened the monthly round waits for the same moment as that of the recurrence which takes its place."""
    job = sa.table('job', sa.column('kind'), sa.column('dedupe_key'), sa.column('payload', sa.JSON()))
    before, after = 'supervision.monthly_round', 'recurrence:routine_supervision'
    op.execute(job.update().where(job.c.kind == before).values(
        kind='recurrence', payload={'key': 'routine_supervision'}, dedupe_key=sa.func.replace(job.c.dedupe_key, before, after)
    ))
