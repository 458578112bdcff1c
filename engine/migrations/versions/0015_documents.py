"""Official papers and the numbers they were given"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0015'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('document_series',
    sa.Column('series', sa.String(length=100), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('series', 'year', name=op.f('pk_document_series'))
    )
    op.create_table('document',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('series', sa.String(length=100), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('serial', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=True),
    sa.Column('sender', sa.Text(), nullable=False),
    sa.Column('addressee', sa.Text(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('told', sa.JSON(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('sha256', sa.String(length=100), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('about', sa.String(length=100), nullable=True),
    sa.Column('issued_at', UtcDateTime(), nullable=False),
    sa.Column('issued_by_id', sa.String(length=36), nullable=True),
    sa.Column('voided_at', UtcDateTime(), nullable=True),
    sa.Column('voided_by_id', sa.String(length=36), nullable=True),
    sa.Column('void_reason', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_document_instance_id')),
    sa.ForeignKeyConstraint(['issued_by_id'], ['person.id'], name=op.f('fk_document_issued_by_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_document_unit_id')),
    sa.ForeignKeyConstraint(['voided_by_id'], ['person.id'], name=op.f('fk_document_voided_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_document')),
    sa.UniqueConstraint('series', 'year', 'serial', name=op.f('uq_document_series_year_serial'))
    )
    op.create_index(op.f('ix_document_instance_id'), 'document', ['instance_id'])
    op.create_index(op.f('ix_document_unit_id'), 'document', ['unit_id'])
    op.create_index(op.f('ix_document_about'), 'document', ['about'])
