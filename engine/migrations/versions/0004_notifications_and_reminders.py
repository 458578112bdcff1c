"""Notifications, their mails, stages of reminding, calendar feeds; what is due already is looked at once"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0004'
down_revision = '0002'
branch_labels = None
depends_on = None

STAGES = [
    ('days', -3, ['owner'], '即将到期'),
    ('days', 0, ['owner'], '最后一个工作日'),
    ('days', 1, ['owner', 'head'], '已经逾期'),
    ('days', 5, ['owner', 'head', 'leader'], '逾期五个工作日'),
    ('days', 10, ['head', 'leader'], '逾期十个工作日'),
    ('hours', -1, ['owner'], '即将到时限'),
    ('hours', 0, ['owner', 'head'], '已到时限'),
    ('hours', 1, ['owner', 'head', 'leader'], '超过时限'),
]


def upgrade() -> None:
    op.add_column('person', sa.Column('email', sa.String(length=254), nullable=True))
    op.add_column('person', sa.Column('wants_mail', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table('delivery',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('channel', sa.String(length=100), nullable=False),
    sa.Column('address', sa.String(length=254), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=100), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('sent_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_delivery_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery'))
    )
    op.create_index(op.f('ix_delivery_state_created_at'), 'delivery', ['state', 'created_at'])
    op.create_table('notification',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('subject_kind', sa.String(length=100), nullable=True),
    sa.Column('subject_id', sa.String(length=36), nullable=True),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('read_at', UtcDateTime(), nullable=True),
    sa.Column('dedupe_key', sa.String(length=255), nullable=False),
    sa.Column('delivery_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_notification_person_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_notification_delivery_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notification')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_notification_dedupe_key'))
    )
    unread = sa.text('read_at IS NULL')
    op.create_index(op.f('ix_notification_person_id_created_at'), 'notification', ['person_id', 'created_at'])
    op.create_index('ix_notification_unread', 'notification', ['person_id'], sqlite_where=unread, postgresql_where=unread)
    op.create_table('calendar_feed',
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_calendar_feed_person_id')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_calendar_feed')),
    sa.UniqueConstraint('digest', name=op.f('uq_calendar_feed_digest'))
    )
    stages = op.create_table('reminder_stage',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('basis', sa.String(length=100), nullable=False),
    sa.Column('distance', sa.Integer(), nullable=False),
    sa.Column('recipients', sa.JSON(), nullable=False),
    sa.Column('words', sa.String(length=100), nullable=False),
    sa.Column('assumed', sa.Boolean(), nullable=False),
    sa.Column('changed_at', UtcDateTime(), nullable=True),
    sa.Column('changed_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['changed_by_id'], ['person.id'], name=op.f('fk_reminder_stage_changed_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminder_stage')),
    sa.UniqueConstraint('basis', 'distance', name=op.f('uq_reminder_stage_basis_distance'))
    )
    op.bulk_insert(stages, [
        {'id': str(uuid4()), 'basis': basis, 'distance': distance, 'recipients': recipients, 'words': words, 'assumed': True}
        for basis, distance, recipients, words in STAGES
    ])
    _remind_of_what_is_due()


def _remind_of_what_is_due() -> None:
    """What was opened before there were reminders gets its first look; what was missed so far is one reminder, not five."""
    columns = sa.column('payload', sa.JSON()), sa.column('due_at', UtcDateTime())
    names = ('id', 'kind', 'dedupe_key', 'instance_id', 'state', 'attempts')
    job = sa.table('job', *map(sa.column, names), *columns)
    rows = [
        {'id': str(uuid4()), 'kind': 'reminder', 'due_at': since, 'dedupe_key': f'reminder:{subject_id}',
         'instance_id': instance_id, 'state': 'waiting', 'attempts': 0,
         'payload': {'subject': kind, 'id': subject_id, 'instance_id': instance_id, 'since': since.isoformat()}}
        for kind, subject_id, instance_id, since in _due()
    ]
    if rows:
        op.bulk_insert(job, rows)


def _due() -> Iterator[tuple[Any, ...]]:
    def table(name: str, *columns: str, **moments: UtcDateTime) -> sa.TableClause:
        return sa.table(name, *map(sa.column, columns), *(sa.column(each, kind) for each, kind in moments.items()))

    task = table('user_task', 'id', 'instance_id', 'status', created_at=UtcDateTime(), due_at=UtcDateTime())
    instance = table('process_instance', 'id', 'status', started_at=UtcDateTime())
    commitment, finding = table('commitment', 'id', 'instance_id', 'result'), table('finding', 'id', 'instance_id', closed_at=UtcDateTime())
    bind = op.get_bind()
    opened = sa.select(task.c.id, task.c.instance_id, task.c.created_at, task.c.due_at).where(task.c.status == 'open', task.c.due_at.is_not(None))
    for each in bind.execute(opened):
        yield 'user_task', each.id, each.instance_id, min(each.created_at, each.due_at)
    for kind, promised, waits in (('commitment', commitment, commitment.c.result.is_(None)), ('finding', finding, finding.c.closed_at.is_(None))):
        running = sa.select(promised.c.id, instance.c.id.label('instance_id'), instance.c.started_at).join_from(
            promised, instance, promised.c.instance_id == instance.c.id
        ).where(waits, instance.c.status == 'active')
        for each in bind.execute(running):
            yield kind, each.id, each.instance_id, each.started_at
