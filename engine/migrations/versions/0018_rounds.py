"""Kinds of rounds, days of their own for visits, missed visits, areas of inspectors"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('unit') as unit:
        unit.add_column(sa.Column('area', sa.String(length=100), nullable=True))
    with op.batch_alter_table('visit') as visit:
        visit.add_column(sa.Column('due_on', sa.Date(), nullable=True))
        visit.add_column(sa.Column('due_reason', sa.Text(), nullable=True))
    with op.batch_alter_table('supervision_round') as opened:
        opened.add_column(sa.Column('kind', sa.String(length=100), nullable=False, server_default='theme'))
        opened.add_column(sa.Column('all_matters', sa.Boolean(), nullable=False, server_default=sa.false()))
    opened = sa.table('supervision_round', sa.column('key'), sa.column('kind'), sa.column('all_matters', sa.Boolean()))
    routine = opened.c.key.like('routine:%')
    op.execute(opened.update().where(routine).values(kind='routine', all_matters=True))
    with op.batch_alter_table('supervision_round') as opened:
        opened.alter_column('kind', server_default=None)
        opened.alter_column('all_matters', server_default=None)
    op.create_table('missed_visit',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('school_id', sa.String(length=36), nullable=False),
    sa.Column('rule', sa.String(length=100), nullable=False),
    sa.Column('period_key', sa.String(length=100), nullable=False),
    sa.Column('period_name', sa.String(length=100), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=False),
    sa.Column('demanded', sa.Text(), nullable=False),
    sa.Column('inspector_id', sa.String(length=36), nullable=True),
    sa.Column('noted_at', UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('explained_by_id', sa.String(length=36), nullable=True),
    sa.Column('explained_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['explained_by_id'], ['person.id'], name=op.f('fk_missed_visit_explained_by_id')),
    sa.ForeignKeyConstraint(['inspector_id'], ['person.id'], name=op.f('fk_missed_visit_inspector_id')),
    sa.ForeignKeyConstraint(['school_id'], ['unit.id'], name=op.f('fk_missed_visit_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_missed_visit')),
    sa.UniqueConstraint('school_id', 'rule', 'period_key', name=op.f('uq_missed_visit_school_id_rule_period_key'))
    )
