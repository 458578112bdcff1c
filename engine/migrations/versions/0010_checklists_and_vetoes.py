"""What was signed on checklists, and who is barred"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('checklist_mark',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('item_key', sa.String(length=100), nullable=False),
    sa.Column('result', sa.String(length=100), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('by_id', sa.String(length=36), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_checklist_mark_by_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_checklist_mark_instance_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checklist_mark'))
    )
    op.create_index(op.f('ix_checklist_mark_instance_id'), 'checklist_mark', ['instance_id'])
    op.create_table('bar',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('subject_key', sa.String(length=100), nullable=False),
    sa.Column('unit_words', sa.Text(), nullable=False),
    sa.Column('id_hint', sa.String(length=100), nullable=True),
    sa.Column('reason', sa.String(length=100), nullable=False),
    sa.Column('sanction', sa.String(length=100), nullable=False),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('ends_why', sa.Text(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('registered_by_id', sa.String(length=36), nullable=False),
    sa.Column('registered_at', UtcDateTime(), nullable=False),
    sa.Column('lifted_by_id', sa.String(length=36), nullable=True),
    sa.Column('lifted_at', UtcDateTime(), nullable=True),
    sa.Column('lifted_on', sa.Date(), nullable=True),
    sa.Column('lifted_by_decision', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['lifted_by_id'], ['person.id'], name=op.f('fk_bar_lifted_by_id')),
    sa.ForeignKeyConstraint(['registered_by_id'], ['person.id'], name=op.f('fk_bar_registered_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bar')),
    sa.UniqueConstraint('year', 'sequence', name=op.f('uq_bar_year_sequence'))
    )
    op.create_index(op.f('ix_bar_subject_key'), 'bar', ['subject_key'])
