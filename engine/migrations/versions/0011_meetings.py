"""Meetings that decide together"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('meeting',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('matter', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('held_as', sa.String(length=100), nullable=False),
    sa.Column('held_on', sa.Date(), nullable=False),
    sa.Column('chair', sa.String(length=100), nullable=False),
    sa.Column('resolved', sa.Text(), nullable=False),
    sa.Column('result', sa.String(length=100), nullable=False),
    sa.Column('reckoned', sa.Text(), nullable=False),
    sa.Column('minutes_number', sa.String(length=100), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_meeting_instance_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_meeting')),
    sa.UniqueConstraint('year', 'sequence', name=op.f('uq_meeting_year_sequence'))
    )
    op.create_index(op.f('ix_meeting_instance_id'), 'meeting', ['instance_id'])
    op.create_table('meeting_member',
    sa.Column('meeting_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('login', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('head', sa.Boolean(), nullable=False),
    sa.Column('attended', sa.Boolean(), nullable=False),
    sa.Column('recused', sa.Boolean(), nullable=False),
    sa.Column('because', sa.Text(), nullable=True),
    sa.Column('spoke_as', sa.Integer(), nullable=True),
    sa.Column('vote', sa.String(length=100), nullable=True),
    sa.Column('dissent', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_meeting_member_meeting_id')),
    sa.PrimaryKeyConstraint('meeting_id', 'number', name=op.f('pk_meeting_member'))
    )
