"""Working calendar, school terms, time limits, and how a due date was counted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('calendar_day',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('working', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_calendar_day_recorded_by_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_calendar_day'))
    )
    op.create_index(op.f('ix_calendar_day_day'), 'calendar_day', ['day'])
    op.create_table('calendar_year',
    sa.Column('year', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_calendar_year_recorded_by_id')),
    sa.PrimaryKeyConstraint('year', name=op.f('pk_calendar_year'))
    )
    op.create_table('school_term',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('school_year', sa.Integer(), nullable=False),
    sa.Column('term', sa.Integer(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('confirmed', sa.Boolean(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_school_term_recorded_by_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_school_term'))
    )
    op.create_table('time_limit',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('rule_set', sa.String(length=100), nullable=False),
    sa.Column('subject', sa.String(length=100), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('article', sa.Text(), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=True),
    sa.Column('unit', sa.String(length=100), nullable=False),
    sa.Column('sense', sa.String(length=100), nullable=False),
    sa.Column('event', sa.String(length=100), nullable=False),
    sa.Column('counts_from', sa.Text(), nullable=False),
    sa.Column('on_expiry', sa.Text(), nullable=False),
    sa.Column('bound', sa.Text(), nullable=False),
    sa.Column('mark', sa.String(length=100), nullable=False),
    sa.Column('effective_from', sa.Date(), nullable=True),
    sa.Column('effective_to', sa.Date(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.Column('replaces_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_time_limit_recorded_by_id')),
    sa.ForeignKeyConstraint(['replaces_id'], ['time_limit.id'], name=op.f('fk_time_limit_replaces_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_limit')),
    sa.UniqueConstraint('replaces_id', name=op.f('uq_time_limit_replaces_id'))
    )
    op.create_index(op.f('ix_time_limit_key'), 'time_limit', ['key'])
    op.add_column('user_task', sa.Column('due_basis', sa.JSON(), nullable=True))
