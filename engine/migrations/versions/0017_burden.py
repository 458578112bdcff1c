"""What is asked of schools, and the values units have answered"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('school_contact',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('department_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('hours', sa.Double(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('statutory', sa.Boolean(), nullable=False),
    sa.Column('matters', sa.JSON(), nullable=False),
    sa.Column('justification', sa.Text(), nullable=True),
    sa.Column('merged_into_id', sa.String(length=36), nullable=True),
    sa.Column('cancelled_at', UtcDateTime(), nullable=True),
    sa.Column('noted_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['unit.id'], name=op.f('fk_school_contact_department_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_school_contact_instance_id')),
    sa.ForeignKeyConstraint(['merged_into_id'], ['school_contact.id'], name=op.f('fk_school_contact_merged_into_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_school_contact_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_contact'))
    )
    op.create_index(op.f('ix_school_contact_unit_id_starts_on'), 'school_contact', ['unit_id', 'starts_on'])
    op.create_index(op.f('ix_school_contact_department_id_starts_on'), 'school_contact', ['department_id', 'starts_on'])
    op.create_index(op.f('ix_school_contact_merged_into_id'), 'school_contact', ['merged_into_id'])
    op.create_table('held_value',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('field', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('as_of', sa.Date(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_id', sa.String(length=36), nullable=True),
    sa.Column('told_in_id', sa.String(length=36), nullable=False),
    sa.Column('told_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['process_instance.id'], name=op.f('fk_held_value_source_id')),
    sa.ForeignKeyConstraint(['told_in_id'], ['process_instance.id'], name=op.f('fk_held_value_told_in_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_held_value_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_held_value'))
    )
    op.create_index(op.f('ix_held_value_unit_id_field'), 'held_value', ['unit_id', 'field'])
