"""Commitments run by their shapes, occurrence by occurrence"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('commitment') as commitment:
        commitment.add_column(sa.Column('definition', sa.Text(), nullable=True))
        commitment.add_column(sa.Column('assumed', sa.JSON(), nullable=False, server_default='[]'))
        commitment.alter_column('due_on', existing_type=sa.Date(), nullable=True)
        commitment.alter_column('lead_id', existing_type=sa.String(length=36), nullable=True)
    with op.batch_alter_table('work_plan') as plan:
        plan.add_column(sa.Column('launched_at', UtcDateTime(), nullable=True))
    op.execute(
        'UPDATE work_plan SET launched_at = (SELECT min(started_at) FROM process_instance JOIN work_point ON'
        ' work_point.instance_id = process_instance.id JOIN plan_section ON plan_section.id = work_point.section_id'
        ' WHERE plan_section.plan_id = work_plan.id)'
    )
    op.create_table('work_item',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('commitment_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('registered_at', UtcDateTime(), nullable=False),
    sa.Column('registered_by_id', sa.String(length=36), nullable=True),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('ended_at', UtcDateTime(), nullable=True),
    sa.Column('result', sa.String(length=100), nullable=True),
    sa.ForeignKeyConstraint(['commitment_id'], ['commitment.id'], name=op.f('fk_work_item_commitment_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_work_item_instance_id')),
    sa.ForeignKeyConstraint(['registered_by_id'], ['person.id'], name=op.f('fk_work_item_registered_by_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_work_item_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_item')),
    sa.UniqueConstraint('commitment_id', 'key', name=op.f('uq_work_item_commitment_id_key')),
    sa.UniqueConstraint('commitment_id', 'number', name=op.f('uq_work_item_commitment_id_number')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_work_item_instance_id'))
    )
