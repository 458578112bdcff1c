"""What the office drives others to do"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('oversight_item',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('source', sa.String(length=100), nullable=False),
    sa.Column('urgency', sa.String(length=100), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('event_on', sa.Date(), nullable=False),
    sa.Column('demand', sa.Text(), nullable=False),
    sa.Column('criterion', sa.Text(), nullable=False),
    sa.Column('lead_id', sa.String(length=36), nullable=False),
    sa.Column('partners', sa.Text(), nullable=True),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('registered_at', UtcDateTime(), nullable=False),
    sa.Column('registered_by_id', sa.String(length=36), nullable=False),
    sa.Column('due_at', UtcDateTime(), nullable=False),
    sa.Column('due_reason', sa.Text(), nullable=True),
    sa.Column('due_basis', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('done_at', UtcDateTime(), nullable=True),
    sa.Column('closed_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_oversight_item_instance_id')),
    sa.ForeignKeyConstraint(['lead_id'], ['unit.id'], name=op.f('fk_oversight_item_lead_id')),
    sa.ForeignKeyConstraint(['registered_by_id'], ['person.id'], name=op.f('fk_oversight_item_registered_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_oversight_item')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_oversight_item_instance_id')),
    sa.UniqueConstraint('year', 'sequence', name=op.f('uq_oversight_item_year_sequence'))
    )
    op.create_index(op.f('ix_oversight_item_lead_id'), 'oversight_item', ['lead_id'])
