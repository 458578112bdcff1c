"""Files and drafts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db import UtcDateTime

revision = '0014'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('stored_file',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('media_type', sa.String(length=100), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('taken_at', UtcDateTime(), nullable=True),
    sa.Column('begun_at', UtcDateTime(), nullable=False),
    sa.Column('uploaded_at', UtcDateTime(), nullable=True),
    sa.Column('uploaded_by_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('thumbnail', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_stored_file_instance_id')),
    sa.ForeignKeyConstraint(['uploaded_by_id'], ['person.id'], name=op.f('fk_stored_file_uploaded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_file'))
    )
    op.create_index(op.f('ix_stored_file_uploaded_by_id_instance_id'), 'stored_file', ['uploaded_by_id', 'instance_id'])
    op.create_index(op.f('ix_stored_file_instance_id'), 'stored_file', ['instance_id'])
    op.create_index(op.f('ix_stored_file_sha256'), 'stored_file', ['sha256'])
    op.create_table('draft',
    sa.Column('user_task_id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('saved_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_draft_person_id')),
    sa.ForeignKeyConstraint(['user_task_id'], ['user_task.id'], name=op.f('fk_draft_user_task_id')),
    sa.PrimaryKeyConstraint('user_task_id', 'person_id', name=op.f('pk_draft'))
    )
    op.add_column('user_task', sa.Column('drafted', sa.Boolean(), server_default=sa.false(), nullable=False))
