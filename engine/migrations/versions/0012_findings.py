"""Findings with criteria, and the evidence that closes them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('finding') as finding:
        finding.add_column(sa.Column('source', sa.String(length=100), nullable=False, server_default='visit'))
        finding.add_column(sa.Column('mode', sa.String(length=100), nullable=False, server_default='立行立改'))
        finding.add_column(sa.Column('criteria', sa.JSON(), nullable=False, server_default='["按整改通知书整改到位"]'))
        finding.add_column(sa.Column('evidence_kinds', sa.JSON(), nullable=False, server_default='["文件", "照片"]'))
        finding.add_column(sa.Column('photos', sa.JSON(), nullable=False, server_default='[]'))
        finding.add_column(
            sa.Column('verified_by', sa.String(length=100), nullable=False, server_default='visit_inspector')
        )
        finding.add_column(sa.Column('due_on', sa.Date(), nullable=True))
        finding.add_column(sa.Column('round', sa.Integer(), nullable=False, server_default='1'))
        finding.add_column(sa.Column('repeat_of_id', sa.String(length=36), nullable=True))
        finding.add_column(sa.Column('relapse_of_id', sa.String(length=36), nullable=True))
        finding.add_column(sa.Column('withdrawn_at', UtcDateTime(), nullable=True))
        finding.alter_column('visit_id', existing_type=sa.String(length=36), nullable=True)
        finding.alter_column('clause', existing_type=sa.Text(), type_=sa.String(length=300))
    op.execute('UPDATE finding SET due_on = rectify_by')
    with op.batch_alter_table('finding') as finding:
        finding.alter_column('due_on', existing_type=sa.Date(), nullable=False)
        for shipped in ('source', 'mode', 'criteria', 'evidence_kinds', 'photos', 'verified_by', 'round'):
            finding.alter_column(shipped, server_default=None)
        finding.create_foreign_key(op.f('fk_finding_repeat_of_id'), 'finding', ['repeat_of_id'], ['id'])
        finding.create_foreign_key(op.f('fk_finding_relapse_of_id'), 'finding', ['relapse_of_id'], ['id'])
    op.create_index(op.f('ix_finding_unit_id_clause'), 'finding', ['unit_id', 'clause'])
    op.create_index(op.f('ix_finding_relapse_of_id'), 'finding', ['relapse_of_id'])
    op.create_index(op.f('ix_finding_closed_by_id'), 'finding', ['closed_by_id'])
    op.create_table('finding_evidence',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('finding_id', sa.String(length=36), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('criterion', sa.Integer(), nullable=False),
    sa.Column('told', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('dated', sa.Date(), nullable=False),
    sa.Column('files', sa.JSON(), nullable=False),
    sa.Column('provided_by_id', sa.String(length=36), nullable=False),
    sa.Column('provided_at', UtcDateTime(), nullable=False),
    sa.Column('verdict', sa.String(length=100), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('judged_by_id', sa.String(length=36), nullable=True),
    sa.Column('judged_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['finding_id'], ['finding.id'], name=op.f('fk_finding_evidence_finding_id')),
    sa.ForeignKeyConstraint(['judged_by_id'], ['person.id'], name=op.f('fk_finding_evidence_judged_by_id')),
    sa.ForeignKeyConstraint(['provided_by_id'], ['person.id'], name=op.f('fk_finding_evidence_provided_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_finding_evidence')),
    sa.UniqueConstraint('finding_id', 'round', 'criterion', name=op.f('uq_finding_evidence_finding_id_round_criterion'))
    )
