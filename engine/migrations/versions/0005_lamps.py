"""Facts and thresholds for lamps; facts of what is under way, from what the tables know of it"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

LOCAL = ZoneInfo('Asia/Shanghai')
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
THRESHOLDS = {
    'near_due_days': (14, '建议值；宿迁以蓝灯提示临近期限，未写天数'),
    'near_due_days_of_steps': (3, '建议值；督办系统通行为期限前 3 天提醒'),
    'behind_yellow': (10, '银川督查督办：落后 10 至 30 个百分点（含）亮黄灯'),
    'behind_red': (30, '银川督查督办：落后超过 30 个百分点亮红灯'),
    'start_yellow_months': (1, '银川督查督办：当月未启动亮黄灯'),
    'start_red_months': (3, '银川督查督办：连续三个月未启动亮红灯'),
    'report_yellow_months': (1, '松阳督查督办：当月未报亮黄灯'),
    'report_red_months': (3, '松阳督查督办：当季未报亮红灯'),
    'report_grace_days': (5, '督查督办通行做法：月度进展于次月 5 日前报送'),
    'backdated_days': (0, '建议值：登记日晚于发生日即标补录'),
}
PERIODS = {'季': (1, 4, 7, 10), '学期': (2, 9), '半年': (1, 7), '年': (1,)}


def upgrade() -> None:
    op.create_table('fact',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('subject_kind', sa.String(length=100), nullable=False),
    sa.Column('subject_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('happened_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_fact_instance_id')),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_fact_recorded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fact'))
    )
    op.create_index(op.f('ix_fact_subject_id_subject_kind'), 'fact', ['subject_id', 'subject_kind'])
    op.create_index(op.f('ix_fact_instance_id'), 'fact', ['instance_id'])
    op.create_table('lamp_threshold',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('value', sa.Float(), nullable=False),
    sa.Column('effective_on', sa.Date(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('confirmed', sa.Boolean(), nullable=False),
    sa.Column('recorded_at', UtcDateTime(), nullable=False),
    sa.Column('recorded_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['person.id'], name=op.f('fk_lamp_threshold_recorded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lamp_threshold'))
    )
    op.create_index(op.f('ix_lamp_threshold_key_effective_on'), 'lamp_threshold', ['key', 'effective_on'])
    op.bulk_insert(_table('lamp_threshold'), [
        {'id': str(uuid4()), 'key': key, 'value': value, 'effective_on': LONG_AGO.date(), 'source': source,
         'confirmed': False, 'recorded_at': LONG_AGO, 'recorded_by_id': None}
        for key, (value, source) in THRESHOLDS.items()
    ])
    facts = [*_plan(), *_supervision()]
    if facts:
        op.bulk_insert(_table('fact'), facts)


def _plan() -> list[dict]:
    commitment, point, instance = _table('commitment'), _table('work_point'), _table('process_instance')
    facts = []
    for row in _rows(sa.select(point, instance.c.started_at, instance.c.ended_at).join(instance, instance.c.id == point.c.instance_id)):
        facts.append(_fact('work_point', row, 'opened', row.started_at))
        if row.grade and row.ended_at:
            facts.append(_fact('work_point', row, 'closed', row.ended_at))
    reports, passed = _submissions('report_progress'), _passed('plan_approved', 'close_commitment')
    for row in _rows(sa.select(commitment, instance.c.started_at, instance.c.ended_at).join(instance, instance.c.id == commitment.c.instance_id)):
        facts += _opened('commitment', row, row.due_on, begins=row.starts_on.isoformat(), cadence=row.cadence)
        if ('plan_approved', row.instance_id) in passed:
            facts.append(_fact('commitment', row, 'released', passed['plan_approved', row.instance_id]))
        sent = reports.get(row.instance_id, [])
        if sent:
            latest = {'progress': int(sent[-1].data['progress']), 'reported_at': sent[-1].submitted_at}
            op.execute(commitment.update().where(commitment.c.id == row.id).values(latest))
        for report in sent:
            at, by = report.submitted_at, report.submitted_by_id
            facts.append(_fact('commitment', row, 'progress', at, by=by, percent=report.data['progress']))
            facts.append(_fact('commitment', row, 'period_reported', at, by=by, **_period(row.cadence, at.astimezone(LOCAL).date())))
        if row.result == 'completed':
            facts.append(_fact('commitment', row, 'done', passed['close_commitment', row.instance_id]))
        elif row.result == 'carried_over':
            facts.append(_fact('commitment', row, 'carried_over', row.ended_at))
    return facts


def _supervision() -> list[dict]:
    finding, visit, rounds, instance = _table('finding'), _table('visit'), _table('supervision_round'), _table('process_instance')
    visited, rectified, verified = _submissions('visit_school'), _submissions('rectify'), _submissions('verify')
    facts = []
    made = sa.select(visit, instance.c.started_at, rounds.c.visit_by).join(instance, instance.c.id == visit.c.instance_id)
    for row in _rows(made.join(rounds, rounds.c.id == visit.c.round_id)):
        facts += _opened('visit', row, row.visit_by)
        for sent in visited.get(row.instance_id, []):
            facts.append(_done('visit', row, sent, sent.data['visited_on']))
    for row in _rows(sa.select(finding, instance.c.started_at).join(instance, instance.c.id == finding.c.instance_id)):
        facts += _opened('finding', row, row.rectify_by)
        for sent in rectified.get(row.instance_id, []):
            facts.append(_done('finding', row, sent, sent.data['finished_on']))
        for sent in verified.get(row.instance_id, []):
            if sent.data['decision'] != 'approve':
                facts.append(_fact('finding', row, 'reopened', sent.submitted_at, by=sent.submitted_by_id))
        if row.closed_at:
            facts.append(_fact('finding', row, 'closed', row.closed_at, by=row.closed_by_id))
    return facts


def _opened(kind: str, row, due_on: date, **value) -> list[dict]:
    due = datetime.combine(due_on + timedelta(days=1), time(), LOCAL).astimezone(UTC) - timedelta(seconds=1)
    return [_fact(kind, row, 'opened', row.started_at, **value), _fact(kind, row, 'due_set', row.started_at, due=due.isoformat())]


def _done(kind: str, row, sent, day: str) -> dict:
    """On the day that was named, recorded when it was sent; a day that had not come counts as the one it was sent."""
    ended = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), LOCAL).astimezone(UTC) - timedelta(seconds=1)
    fact = _fact(kind, row, 'done', sent.submitted_at, by=sent.submitted_by_id)
    return fact | {'happened_at': min(ended, sent.submitted_at)}


def _fact(kind: str, row, what: str, at: datetime, by: str | None = None, **value) -> dict:
    """The tables have known it since it happened, so it counts as recorded then."""
    return {
        'id': str(uuid4()), 'subject_kind': kind, 'subject_id': row.id, 'kind': what, 'happened_at': at, 'recorded_at': at,
        'recorded_by_id': by, 'value': value, 'instance_id': row.instance_id,
    }


def _period(cadence: str | None, day: date) -> dict:
    months = PERIODS.get(cadence or '', range(1, 13))
    first = max(start for year in (day.year - 1, day.year) for month in months if (start := date(year, month, 1)) <= day)
    name = {
        '年': '', '半年': '上半年' if first.month == 1 else '下半年', '学期': '春季学期' if first.month == 2 else '秋季学期',
        '季': f'第{first.month // 3 + 1}季度',
    }.get(cadence or '', f'{first.month}月')
    return {'starts_on': first.isoformat(), 'name': f'{first.year}年{name}'}


def _submissions(activity: str) -> dict[str, list]:
    sent, found = _table('submission'), {}
    for row in _rows(sa.select(sent).where(sent.c.activity_id == activity).order_by(sent.c.submitted_at)):
        found.setdefault(row.instance_id, []).append(row)
    return found


def _passed(*activities: str) -> dict[tuple[str, str], datetime]:
    event = _table('history_event')
    wanted = sa.select(event.c.activity_id, event.c.instance_id, event.c.at).where(
        event.c.activity_id.in_(activities), event.c.kind == 'activity.completed'
    )
    return {(row.activity_id, row.instance_id): row.at for row in _rows(wanted)}


def _rows(wanted) -> list:
    return op.get_bind().execute(wanted).all()


def _table(name: str) -> sa.Table:
    """As it is at this version; moments come and go as everywhere."""
    found = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind(), resolve_fks=False)
    for column in found.c:
        if isinstance(column.type, sa.DateTime):
            column.type = UtcDateTime()
        elif isinstance(column.type, sa.JSON):
            column.type = sa.JSON()
    return found
