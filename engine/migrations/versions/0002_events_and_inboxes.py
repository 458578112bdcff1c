"""Subscriptions for messages and signals, one index for every inbox, decisions, comments, answers to remember"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

NEVER_DUE = datetime(9000, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    _one_inbox()
    _subscriptions()
    _jobs_and_incidents()
    op.create_table('decision_definition',
    sa.Column('id', sa.String(length=180), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('deployment_id', sa.String(length=36), nullable=False),
    sa.Column('resource_name', sa.String(length=255), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['deployment_id'], ['deployment.id'], name=op.f('fk_decision_definition_deployment_id')),
    sa.ForeignKeyConstraint(['sha256'], ['resource.sha256'], name=op.f('fk_decision_definition_sha256')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision_definition')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_decision_definition_key_version'))
    )
    op.create_table('comment',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('user_task_id', sa.String(length=36), nullable=True),
    sa.Column('author_id', sa.String(length=36), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['author_id'], ['person.id'], name=op.f('fk_comment_author_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_comment_instance_id')),
    sa.ForeignKeyConstraint(['user_task_id'], ['user_task.id'], name=op.f('fk_comment_user_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_comment'))
    )
    op.create_index(op.f('ix_comment_instance_id_at'), 'comment', ['instance_id', 'at'])
    op.create_table('remembered_answer',
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_remembered_answer_person_id')),
    sa.PrimaryKeyConstraint('person_id', 'key', name=op.f('pk_remembered_answer'))
    )
    op.create_index(op.f('ix_remembered_answer_at'), 'remembered_answer', ['at'])


def _one_inbox() -> None:
    """Assigned tasks get a row of their person, tasks without a date one far away."""
    task, person = sa.table('user_task', *map(sa.column, ('id', 'assignee_id', 'status', 'due_at'))), sa.table('person', sa.column('id'), sa.column('login'))
    candidate = sa.table('candidate', *map(sa.column, ('user_task_id', 'group_key', 'due_at')))
    far = sa.literal(NEVER_DUE, UtcDateTime())
    op.execute(candidate.update().where(candidate.c.due_at.is_(None)).values(due_at=far))
    assigned = sa.select(task.c.id, sa.literal('user:').concat(person.c.login), sa.func.coalesce(task.c.due_at, far)).join_from(
        task, person, task.c.assignee_id == person.c.id
    ).where(task.c.status == 'open')
    op.execute(candidate.insert().from_select(['user_task_id', 'group_key', 'due_at'], assigned))
    with op.batch_alter_table('candidate', table_kwargs={'sqlite_with_rowid': False}) as batch_op:
        batch_op.drop_index(batch_op.f('ix_candidate_group_key_due_at'))
        batch_op.alter_column('due_at', existing_type=UtcDateTime(), nullable=False)
        batch_op.create_index(batch_op.f('ix_candidate_group_key_due_at_user_task_id'), ['group_key', 'due_at', 'user_task_id'])
    op.drop_index(op.f('ix_submission_instance_id_activity_id'), table_name='submission')
    op.create_index(
        op.f('ix_submission_instance_id_activity_id_submitted_by_id'), 'submission', ['instance_id', 'activity_id', 'submitted_by_id']
    )
    # Every step wrote it several times, and nobody asked it: the story of an instance is found by its key.
    op.drop_index(op.f('ix_history_event_activity_id_at'), table_name='history_event')
    op.drop_index('ix_user_task_open_assignee', table_name='user_task')
    op.drop_index('ix_user_task_completed', table_name='user_task')
    done = sa.text("status = 'completed'")
    op.create_index('ix_user_task_completed', 'user_task', ['completed_by_id', 'ended_at'], sqlite_where=done, postgresql_where=done)


def _subscriptions() -> None:
    op.create_table('event_subscription',
    sa.Column('token_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('activity_id', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('correlation_key', sa.String(length=255), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_event_subscription_instance_id')),
    sa.PrimaryKeyConstraint('token_id', 'kind', 'name', name=op.f('pk_event_subscription'))
    )
    op.create_index(op.f('ix_event_subscription_instance_id'), 'event_subscription', ['instance_id'])
    op.create_index(op.f('ix_event_subscription_name_kind_correlation_key'), 'event_subscription', ['name', 'kind', 'correlation_key'])
    op.execute(
        "INSERT INTO event_subscription (token_id, instance_id, activity_id, kind, name, correlation_key) "
        "SELECT token_id, instance_id, '', 'message', message_name, business_key FROM message_subscription"
    )
    op.drop_table('message_subscription')
    op.create_table('start_subscription',
    sa.Column('definition_key', sa.String(length=100), nullable=False),
    sa.Column('activity_id', sa.String(length=100), nullable=False),
    sa.Column('definition_id', sa.String(length=180), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['definition_id'], ['process_definition.id'], name=op.f('fk_start_subscription_definition_id')),
    sa.PrimaryKeyConstraint('definition_key', 'activity_id', name=op.f('pk_start_subscription'))
    )
    op.create_index(op.f('ix_start_subscription_name_kind'), 'start_subscription', ['name', 'kind'])


def _jobs_and_incidents() -> None:
    op.add_column('job', sa.Column('error', sa.Text(), nullable=True))
    with op.batch_alter_table('incident') as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_incident_job_id'), type_='foreignkey')
        batch_op.add_column(sa.Column('resolved_by_id', sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column('resolution', sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column('reason', sa.Text(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_incident_resolved_by_id'), 'person', ['resolved_by_id'], ['id'])
    unresolved = sa.text('resolved_at IS NULL')
    op.create_index('ix_incident_open', 'incident', ['created_at'], sqlite_where=unresolved, postgresql_where=unresolved)
