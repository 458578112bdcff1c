"""Cases of 督导问责"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db import UtcDateTime

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accountability_case',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('second_unit_id', sa.String(length=36), nullable=True),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('person', sa.Text(), nullable=True),
    sa.Column('situation', sa.String(length=100), nullable=False),
    sa.Column('finding_id', sa.String(length=36), nullable=True),
    sa.Column('opened_at', UtcDateTime(), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.Column('circumstances', sa.JSON(), nullable=False),
    sa.Column('earlier', sa.JSON(), nullable=False),
    sa.Column('means', sa.JSON(), nullable=False),
    sa.Column('decided_on', sa.Date(), nullable=True),
    sa.Column('effective_on', sa.Date(), nullable=True),
    sa.Column('revoked', sa.Boolean(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['finding_id'], ['finding.id'], name=op.f('fk_accountability_case_finding_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_accountability_case_instance_id')),
    sa.ForeignKeyConstraint(['second_unit_id'], ['unit.id'], name=op.f('fk_accountability_case_second_unit_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_accountability_case_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accountability_case')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_accountability_case_instance_id')),
    sa.UniqueConstraint('year', 'sequence', name=op.f('uq_accountability_case_year_sequence'))
    )
    op.create_index(op.f('ix_accountability_case_unit_id_decided_on'), 'accountability_case', ['unit_id', 'decided_on'])
    op.create_table('accountability_member',
    sa.Column('case_id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['accountability_case.id'], name=op.f('fk_accountability_member_case_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_accountability_member_person_id')),
    sa.PrimaryKeyConstraint('case_id', 'person_id', name=op.f('pk_accountability_member'))
    )
