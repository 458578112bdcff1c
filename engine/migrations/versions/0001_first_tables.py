"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from engine.db import UtcDateTime

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('person',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('login', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('credential_version', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('login', name=op.f('uq_person_login'))
    )
    op.create_table('resource',
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_resource'))
    )
    op.create_table('setting',
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_setting'))
    )
    op.create_table('unit',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('parent_id', sa.String(length=36), nullable=True),
    sa.Column('stage', sa.String(length=100), nullable=True),
    sa.Column('remit', sa.Text(), nullable=True),
    sa.Column('assumed', sa.Boolean(), nullable=False),
    sa.Column('order', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['unit.id'], name=op.f('fk_unit_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit')),
    sa.UniqueConstraint('key', name=op.f('uq_unit_key'))
    )
    op.create_table('work_plan',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_plan')),
    sa.UniqueConstraint('year', name=op.f('uq_work_plan_year'))
    )
    op.create_table('deployment',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('deployed_at', UtcDateTime(), nullable=False),
    sa.Column('deployed_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['deployed_by_id'], ['person.id'], name=op.f('fk_deployment_deployed_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deployment'))
    )
    op.create_table('login_session',
    sa.Column('digest', sa.String(length=100), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('credential_version', sa.Integer(), nullable=False),
    sa.Column('opened_at', UtcDateTime(), nullable=False),
    sa.Column('seen_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_login_session_person_id')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_login_session'))
    )
    op.create_table('plan_section',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('plan_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('numeral', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['plan_id'], ['work_plan.id'], name=op.f('fk_plan_section_plan_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_section')),
    sa.UniqueConstraint('plan_id', 'number', name=op.f('uq_plan_section_plan_id_number'))
    )
    op.create_table('position',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('role', sa.String(length=100), nullable=False),
    sa.Column('title', sa.String(length=100), nullable=False),
    sa.Column('order', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_position_person_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_position_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_position')),
    sa.UniqueConstraint('person_id', 'unit_id', 'role', name=op.f('uq_position_person_id_unit_id_role'))
    )
    with op.batch_alter_table('position', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_position_role_unit_id'), ['role', 'unit_id'], unique=False)

    op.create_table('recusal_fact',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_recusal_fact_person_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_recusal_fact_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recusal_fact'))
    )
    with op.batch_alter_table('recusal_fact', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recusal_fact_person_id_unit_id'), ['person_id', 'unit_id'], unique=False)

    op.create_table('school_binding',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('school_id', sa.String(length=36), nullable=False),
    sa.Column('inspector_id', sa.String(length=36), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['inspector_id'], ['person.id'], name=op.f('fk_school_binding_inspector_id')),
    sa.ForeignKeyConstraint(['school_id'], ['unit.id'], name=op.f('fk_school_binding_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_binding'))
    )
    with op.batch_alter_table('school_binding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_school_binding_school_id_starts_on'), ['school_id', 'starts_on'], unique=False)

    op.create_table('stand_in',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=False),
    sa.Column('stand_in_id', sa.String(length=36), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_stand_in_person_id')),
    sa.ForeignKeyConstraint(['stand_in_id'], ['person.id'], name=op.f('fk_stand_in_stand_in_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stand_in'))
    )
    with op.batch_alter_table('stand_in', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stand_in_stand_in_id_ends_on'), ['stand_in_id', 'ends_on'], unique=False)

    op.create_table('deployment_resource',
    sa.Column('deployment_id', sa.String(length=36), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['deployment_id'], ['deployment.id'], name=op.f('fk_deployment_resource_deployment_id')),
    sa.ForeignKeyConstraint(['sha256'], ['resource.sha256'], name=op.f('fk_deployment_resource_sha256')),
    sa.PrimaryKeyConstraint('deployment_id', 'name', name=op.f('pk_deployment_resource'))
    )
    op.create_table('process_definition',
    sa.Column('id', sa.String(length=180), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('deployment_id', sa.String(length=36), nullable=False),
    sa.Column('resource_name', sa.String(length=255), nullable=False),
    sa.Column('bundle', sa.JSON(), nullable=False),
    sa.Column('bundle_hash', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['deployment_id'], ['deployment.id'], name=op.f('fk_process_definition_deployment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_process_definition')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_process_definition_key_version'))
    )
    with op.batch_alter_table('process_definition', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_process_definition_bundle_hash'), ['bundle_hash'], unique=False)

    op.create_table('process_instance',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('definition_id', sa.String(length=180), nullable=False),
    sa.Column('definition_key', sa.String(length=100), nullable=False),
    sa.Column('business_key', sa.String(length=255), nullable=True),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=True),
    sa.Column('parent_id', sa.String(length=36), nullable=True),
    sa.Column('started_by_id', sa.String(length=36), nullable=True),
    sa.Column('started_at', UtcDateTime(), nullable=False),
    sa.Column('ended_at', UtcDateTime(), nullable=True),
    sa.Column('status', sa.String(length=100), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=False),
    sa.Column('history_length', sa.Integer(), nullable=False),
    sa.Column('history_head', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['definition_id'], ['process_definition.id'], name=op.f('fk_process_instance_definition_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['process_instance.id'], name=op.f('fk_process_instance_parent_id')),
    sa.ForeignKeyConstraint(['started_by_id'], ['person.id'], name=op.f('fk_process_instance_started_by_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_process_instance_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_process_instance'))
    )
    with op.batch_alter_table('process_instance', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_process_instance_business_key'), ['business_key'], unique=False)
        batch_op.create_index(batch_op.f('ix_process_instance_definition_key_status'), ['definition_key', 'status'], unique=False)
        batch_op.create_index(batch_op.f('ix_process_instance_parent_id_status'), ['parent_id', 'status'], unique=False)

    op.create_table('history_event',
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('actor_id', sa.String(length=36), nullable=True),
    sa.Column('process_key', sa.String(length=100), nullable=True),
    sa.Column('activity_id', sa.String(length=100), nullable=True),
    sa.Column('activity_type', sa.String(length=100), nullable=True),
    sa.Column('activity_name', sa.Text(), nullable=True),
    sa.Column('started_at', UtcDateTime(), nullable=True),
    sa.Column('user_task_id', sa.String(length=36), nullable=True),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_history_event_instance_id')),
    sa.PrimaryKeyConstraint('instance_id', 'number', name=op.f('pk_history_event'))
    )
    with op.batch_alter_table('history_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_history_event_activity_id_at'), ['activity_id', 'at'], unique=False)

    op.create_table('job',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('due_at', UtcDateTime(), nullable=False),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('dedupe_key', sa.String(length=255), nullable=False),
    sa.Column('state', sa.String(length=100), nullable=False),
    sa.Column('lease_until', UtcDateTime(), nullable=True),
    sa.Column('lease', sa.String(length=36), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_job_instance_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_job_dedupe_key'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_job_instance_id'), ['instance_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_job_state_due_at'), ['state', 'due_at'], unique=False)

    op.create_table('message_subscription',
    sa.Column('token_id', sa.String(length=36), nullable=False),
    sa.Column('message_name', sa.String(length=100), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('business_key', sa.String(length=255), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_message_subscription_instance_id')),
    sa.PrimaryKeyConstraint('token_id', 'message_name', name=op.f('pk_message_subscription'))
    )
    with op.batch_alter_table('message_subscription', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_message_subscription_instance_id'), ['instance_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_message_subscription_message_name_business_key'), ['message_name', 'business_key'], unique=False)

    op.create_table('user_task',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('process_key', sa.String(length=100), nullable=False),
    sa.Column('activity_id', sa.String(length=100), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('form_key', sa.String(length=100), nullable=True),
    sa.Column('lane', sa.String(length=100), nullable=True),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('candidate_groups', sa.JSON(), nullable=False),
    sa.Column('excluded', sa.JSON(), nullable=False),
    sa.Column('assignee_id', sa.String(length=36), nullable=True),
    sa.Column('due_at', UtcDateTime(), nullable=True),
    sa.Column('due_reason', sa.Text(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('status', sa.String(length=100), nullable=False),
    sa.Column('ended_at', UtcDateTime(), nullable=True),
    sa.Column('completed_by_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['assignee_id'], ['person.id'], name=op.f('fk_user_task_assignee_id')),
    sa.ForeignKeyConstraint(['completed_by_id'], ['person.id'], name=op.f('fk_user_task_completed_by_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_user_task_instance_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_task'))
    )
    with op.batch_alter_table('user_task', schema=None) as batch_op:
        batch_op.create_index('ix_user_task_completed', ['completed_by_id', 'ended_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_user_task_instance_id_status'), ['instance_id', 'status'], unique=False)
        batch_op.create_index('ix_user_task_open_assignee', ['assignee_id', 'due_at'], unique=False, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))

    op.create_table('work_point',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('section_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('lead_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('grade', sa.String(length=100), nullable=True),
    sa.Column('archive_number', sa.String(length=100), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_work_point_instance_id')),
    sa.ForeignKeyConstraint(['lead_id'], ['unit.id'], name=op.f('fk_work_point_lead_id')),
    sa.ForeignKeyConstraint(['section_id'], ['plan_section.id'], name=op.f('fk_work_point_section_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_point')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_work_point_instance_id')),
    sa.UniqueConstraint('section_id', 'number', name=op.f('uq_work_point_section_id_number'))
    )
    op.create_table('candidate',
    sa.Column('user_task_id', sa.String(length=36), nullable=False),
    sa.Column('group_key', sa.String(length=100), nullable=False),
    sa.Column('due_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['user_task_id'], ['user_task.id'], name=op.f('fk_candidate_user_task_id')),
    sa.PrimaryKeyConstraint('user_task_id', 'group_key', name=op.f('pk_candidate'))
    )
    with op.batch_alter_table('candidate', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_candidate_group_key_due_at'), ['group_key', 'due_at'], unique=False)

    op.create_table('commitment',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('point_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('shape', sa.String(length=100), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('cadence', sa.String(length=100), nullable=True),
    sa.Column('lead_id', sa.String(length=36), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('gates', sa.JSON(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('reported_at', UtcDateTime(), nullable=True),
    sa.Column('result', sa.String(length=100), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_commitment_instance_id')),
    sa.ForeignKeyConstraint(['lead_id'], ['unit.id'], name=op.f('fk_commitment_lead_id')),
    sa.ForeignKeyConstraint(['point_id'], ['work_point.id'], name=op.f('fk_commitment_point_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commitment')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_commitment_instance_id')),
    sa.UniqueConstraint('point_id', 'number', name=op.f('uq_commitment_point_id_number'))
    )
    op.create_table('incident',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=100), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('job_id', sa.String(length=36), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('resolved_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_incident_instance_id')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_incident_job_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incident_instance_id'), ['instance_id'], unique=False)

    op.create_table('submission',
    sa.Column('user_task_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=False),
    sa.Column('activity_id', sa.String(length=100), nullable=False),
    sa.Column('form_key', sa.String(length=100), nullable=True),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('submitted_by_id', sa.String(length=36), nullable=False),
    sa.Column('submitted_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_submission_instance_id')),
    sa.ForeignKeyConstraint(['submitted_by_id'], ['person.id'], name=op.f('fk_submission_submitted_by_id')),
    sa.ForeignKeyConstraint(['user_task_id'], ['user_task.id'], name=op.f('fk_submission_user_task_id')),
    sa.PrimaryKeyConstraint('user_task_id', name=op.f('pk_submission'))
    )
    with op.batch_alter_table('submission', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_submission_instance_id_activity_id'), ['instance_id', 'activity_id'], unique=False)

    op.create_table('supervision_round',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('theme', sa.Text(), nullable=True),
    sa.Column('visit_by', sa.Date(), nullable=False),
    sa.Column('point_id', sa.String(length=36), nullable=True),
    sa.Column('opened_at', UtcDateTime(), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_supervision_round_instance_id')),
    sa.ForeignKeyConstraint(['point_id'], ['work_point.id'], name=op.f('fk_supervision_round_point_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_supervision_round')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_supervision_round_instance_id')),
    sa.UniqueConstraint('key', name=op.f('uq_supervision_round_key'))
    )
    op.create_table('partner',
    sa.Column('commitment_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=True),
    sa.Column('words', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['commitment_id'], ['commitment.id'], name=op.f('fk_partner_commitment_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_partner_unit_id')),
    sa.PrimaryKeyConstraint('commitment_id', 'number', name=op.f('pk_partner'))
    )
    op.create_table('target',
    sa.Column('commitment_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('operator', sa.String(length=100), nullable=True),
    sa.Column('value', sa.Text(), nullable=True),
    sa.Column('unit', sa.String(length=100), nullable=True),
    sa.Column('hardness', sa.String(length=100), nullable=True),
    sa.Column('certainty', sa.String(length=100), nullable=True),
    sa.Column('aggregation', sa.Text(), nullable=True),
    sa.Column('as_of', sa.Text(), nullable=True),
    sa.Column('caveat', sa.Text(), nullable=True),
    sa.Column('headline', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['commitment_id'], ['commitment.id'], name=op.f('fk_target_commitment_id')),
    sa.PrimaryKeyConstraint('commitment_id', 'number', name=op.f('pk_target'))
    )
    op.create_table('visit',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('round_id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('school_id', sa.String(length=36), nullable=False),
    sa.Column('inspector_id', sa.String(length=36), nullable=False),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.Column('visited_on', sa.Date(), nullable=True),
    sa.Column('summary', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['inspector_id'], ['person.id'], name=op.f('fk_visit_inspector_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_visit_instance_id')),
    sa.ForeignKeyConstraint(['round_id'], ['supervision_round.id'], name=op.f('fk_visit_round_id')),
    sa.ForeignKeyConstraint(['school_id'], ['unit.id'], name=op.f('fk_visit_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visit')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_visit_instance_id')),
    sa.UniqueConstraint('round_id', 'school_id', name=op.f('uq_visit_round_id_school_id'))
    )
    op.create_table('finding',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('number', sa.String(length=100), nullable=False),
    sa.Column('visit_id', sa.String(length=36), nullable=False),
    sa.Column('unit_id', sa.String(length=36), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('clause', sa.Text(), nullable=False),
    sa.Column('severity', sa.String(length=100), nullable=False),
    sa.Column('found_by_id', sa.String(length=36), nullable=False),
    sa.Column('issued_at', UtcDateTime(), nullable=False),
    sa.Column('rectify_by', sa.Date(), nullable=False),
    sa.Column('closed_at', UtcDateTime(), nullable=True),
    sa.Column('closed_by_id', sa.String(length=36), nullable=True),
    sa.Column('instance_id', sa.String(length=36), nullable=True),
    sa.ForeignKeyConstraint(['closed_by_id'], ['person.id'], name=op.f('fk_finding_closed_by_id')),
    sa.ForeignKeyConstraint(['found_by_id'], ['person.id'], name=op.f('fk_finding_found_by_id')),
    sa.ForeignKeyConstraint(['instance_id'], ['process_instance.id'], name=op.f('fk_finding_instance_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_finding_unit_id')),
    sa.ForeignKeyConstraint(['visit_id'], ['visit.id'], name=op.f('fk_finding_visit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_finding')),
    sa.UniqueConstraint('instance_id', name=op.f('uq_finding_instance_id')),
    sa.UniqueConstraint('number', name=op.f('uq_finding_number'))
    )
