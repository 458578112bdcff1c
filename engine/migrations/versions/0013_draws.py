"""Draws by lot that anybody can repeat; those of before move out of the items they were kept in"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('recusal_fact') as batch:
        batch.add_column(sa.Column('left_on', sa.Date(), nullable=True))
    op.create_table('draw',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('series', sa.String(length=100), nullable=False),
    sa.Column('algorithm', sa.String(length=100), nullable=False),
    sa.Column('roster', sa.JSON(), nullable=False),
    sa.Column('hashes', sa.JSON(), nullable=False),
    sa.Column('frozen_at', UtcDateTime(), nullable=False),
    sa.Column('commitment', sa.String(length=100), nullable=True),
    sa.Column('secret', sa.String(length=100), nullable=True),
    sa.Column('committed_at', UtcDateTime(), nullable=True),
    sa.Column('drawer_id', sa.String(length=36), nullable=True),
    sa.Column('contribution', sa.String(length=100), nullable=True),
    sa.Column('contributed_at', UtcDateTime(), nullable=True),
    sa.Column('contributor_id', sa.String(length=36), nullable=True),
    sa.Column('seed', sa.String(length=100), nullable=True),
    sa.Column('drawn_at', UtcDateTime(), nullable=True),
    sa.Column('result', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('replacements', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['contributor_id'], ['person.id'], name=op.f('fk_draw_contributor_id')),
    sa.ForeignKeyConstraint(['drawer_id'], ['person.id'], name=op.f('fk_draw_drawer_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_draw_instance_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_draw')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_draw_instance_id'))
    )
    op.create_index(op.f('ix_draw_series_drawn_at'), 'draw', ['series', 'drawn_at'])
    move_old_draws()


def move_old_draws() -> None:
    """They had no secret, no commitment and no contribution; what they had is kept, with the algorithm's name."""
    item = sa.table('work_item', sa.column('id'), sa.column('instance_id'), sa.column('detail', sa.JSON()))
    draw = sa.table('draw', *(
        sa.column('id'), sa.column('instance_id'), sa.column('series'), sa.column('algorithm'),
        sa.column('roster', sa.JSON()), sa.column('hashes', sa.JSON()), sa.column('frozen_at', UtcDateTime()),
        sa.column('seed'), sa.column('drawn_at', UtcDateTime()), sa.column('result', sa.JSON()),
        sa.column('replacements', sa.JSON()),
    ))
    person = sa.table('person', sa.column('login'), sa.column('name'))
    bind = op.get_bind()
    names = {login: name for login, name in bind.execute(sa.select(person.c.login, person.c.name))}
    old = sa.select(item.c.instance_id, item.c.detail).where(item.c.instance_id.is_not(None))
    for instance_id, detail in bind.execute(old).all():
        if not detail or not {'algorithm', 'seed', 'roster', 'inspectors'} <= detail.keys():
            continue
        drawn_at = datetime.fromisoformat(detail['drawn_at'])
        roster = {
            'objects': _lines(detail['roster']), 'inspectors': _lines({who: names.get(who, who) for who in detail['pool']}),
            'recused': detail['recused'], 'ratio': f"{detail['ratio']:g}", 'count': len(detail['objects']), 'least': 2,
        }
        rows = [
            {'object': row['item'], 'outgoing': row['outgoing'], 'incoming': row['incoming'], 'reason': row['reason'],
             'by': '', 'at': ''}
            for row in detail.get('replacements', [])
        ]
        bind.execute(draw.insert().values(
            id=str(uuid4()), instance_id=instance_id, series='before', algorithm=detail['algorithm'], roster=roster,
            hashes={'objects': detail['sha256']}, frozen_at=drawn_at, seed=detail['seed'], drawn_at=drawn_at,
            result={'objects': detail['objects'], 'forced': [], 'inspectors': detail['first_inspectors']},
            replacements=rows,
        ))


def _lines(names: dict[str, str]) -> list[dict[str, object]]:
    return [{'key': key, 'name': name, 'weight': '1', 'within': None} for key, name in sorted(names.items())]
