"""What a target means and how it is counted; the figures reported for it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('target', sa.Column('definition', sa.Text(), nullable=True))
    op.add_column('target', sa.Column('counting', sa.String(length=100), nullable=True))
    op.add_column('target', sa.Column('tolerance', sa.String(length=100), nullable=True))
    op.add_column('target', sa.Column('assumed', sa.JSON(), nullable=False, server_default='[]'))
    op.create_table('figure',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('commitment_id', sa.String(length=36), nullable=False),
    sa.Column('target_number', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('as_of', sa.Date(), nullable=False),
    sa.Column('value', sa.String(length=100), nullable=True),
    sa.Column('numerator', sa.String(length=100), nullable=True),
    sa.Column('denominator', sa.String(length=100), nullable=True),
    sa.Column('entries', sa.JSON(), nullable=False),
    sa.Column('measure', sa.String(length=100), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('evidence_kind', sa.String(length=100), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('user_task_id', sa.String(length=36), nullable=True),
    sa.Column('reported_by_id', sa.String(length=36), nullable=False),
    sa.Column('reported_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['commitment_id', 'target_number'], ['target.commitment_id', 'target.number'], name=op.f('fk_figure_commitment_id_target_number')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_figure_instance_id')),
    sa.ForeignKeyConstraint(['reported_by_id'], ['person.id'], name=op.f('fk_figure_reported_by_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_figure_unit_id')),
    sa.ForeignKeyConstraint(['user_task_id'], ['user_task.id'], name=op.f('fk_figure_user_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_figure'))
    )
    op.create_index(op.f('ix_figure_commitment_id_target_number'), 'figure', ['commitment_id', 'target_number'])
    _count_as_shipped()


def _count_as_shipped() -> None:
    """Targets of before say by their unit and their promise how they are counted; all of it is to be confirmed."""
    known = ('name', 'operator', 'value', 'unit', 'certainty', 'counting', 'tolerance')
    target = sa.table('target', *map(sa.column, known), sa.column('assumed', sa.JSON()))
    quantity, c = target.c.certainty.is_distinct_from('ordinal'), target.c
    levels = c.unit.in_(('倍', '次', '年', '级', '方', '学时')), c.name.in_(('每校五项开学条件', '本研在校生增量', '每督学负责学校'))
    for counting, which in (
        ('list', sa.true()), ('latest', sa.or_(*levels)), ('sum', c.name == '新建幼儿园和中小学校'), ('ratio', c.unit == '%'),
        ('cv', c.name.like('%差异系数%')), ('events', sa.and_(c.value == '0', c.operator == '=')),
    ):
        op.execute(target.update().where(quantity, which).values(counting=counting, assumed=['counting']))
    about = {'tolerance': sa.case((c.value == '20', '2'), else_='1'), 'assumed': ['counting', 'tolerance']}
    op.execute(target.update().where(quantity, c.operator == '~').values(about))
