"""What stands still until a person looks at it: written down once, explained, and kept with how it ended.

What may be done about an incident is in `administration`; here is only the record, for those who meet the trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from engine import clock, ids
from engine.identity import Actor
from engine.models import Incident, InstanceStatus, Job, JobState, ProcessInstance

JOB_FAILED = "job.failed"
STATE_DAMAGED = "state.damaged"
INSTANCE_STUCK = "instance.stuck"

RETRIED, CANCELLED, PASSED = "retried", "cancelled", "passed"
MOST = 2_000
"""Signs of a message that are kept."""


@dataclass(frozen=True)
class Kind:
    """An incident in words for administrators. One `of_instance` stops all of it, so cancelling it ends the instance."""

    word: str
    happened: str
    advice: str
    of_instance: bool


KINDS = {
    JOB_FAILED: Kind(
        "作业未完成",
        "一项自动作业试了几次都没有做成，已经停下。其他作业和流程不受影响。",
        "排除原因后重试。不再需要它时取消作业，流程里等它的地方不会再因它继续。",
        of_instance=False,
    ),
    STATE_DAMAGED: Kind(
        "运行数据损坏",
        "这个流程的运行数据与保存时不一致，系统没有按损坏的数据继续。其他流程不受影响。",
        "从备份恢复这个流程的运行数据后重试。不能恢复时终止流程，已提交的内容和历史记录都会保留。",
        of_instance=True,
    ),
    INSTANCE_STUCK: Kind(
        "流程停住",
        "流程没有结束，却没有任何环节在等人、等时间或等消息，不会自己继续。",
        "请流程设计员查看流程图和经过，排除原因后重试。不能继续时终止流程，已提交的内容和历史记录都会保留。",
        of_instance=True,
    ),
}  # fmt: skip


def record(
    session: Session, kind: str, message: str, *, instance_id: str | None = None, job_id: str | None = None
) -> Incident:  # fmt: skip
    """Open an incident of a job or, for the kinds that stop all of it, of an instance. While one is open a second is the same."""
    if instance_id:
        # Two that meet the same trouble at once take turns, so that the second one finds what the first has written.
        session.execute(
            select(ProcessInstance.id).where(ProcessInstance.id == instance_id).with_for_update(key_share=True)
        )
    subject = Incident.instance_id == instance_id if KINDS[kind].of_instance else Incident.job_id == job_id
    open_one = select(Incident).where(Incident.kind == kind, subject, Incident.resolved_at.is_(None))
    incident = session.scalars(open_one).first()
    if incident is None:
        incident = Incident(
            id=ids.new(), kind=kind, message=message[:MOST], instance_id=instance_id, job_id=job_id,
            created_at=clock.now(),
        )  # fmt: skip
        session.add(incident)
        session.flush()
    return incident


def resolve(session: Session, incident: Incident, how: str, *, actor: Actor, reason: str | None = None) -> None:
    """Close an incident by a person's decision. The caller has done what `how` says."""
    incident.resolved_at, incident.resolution, incident.resolved_by_id = clock.now(), how, actor.id
    incident.reason = reason
    session.flush()


def settle(session: Session) -> None:
    """Close what has gone away by itself."""
    gone = update(Incident).where(Incident.resolved_at.is_(None), is_over())
    session.execute(
        gone.values(resolved_at=clock.now(), resolution=PASSED).execution_options(synchronize_session=False)
    )


def is_over() -> ColumnElement[bool]:
    """The incident needs nobody any more: its job is gone or waits again, or the instance that stood still has ended."""
    whole = [kind for kind, known in KINDS.items() if known.of_instance]
    given_up = exists().where(Job.id == Incident.job_id, Job.state == JobState.FAILED)
    stands = exists().where(ProcessInstance.id == Incident.instance_id, ProcessInstance.status == InstanceStatus.ACTIVE)
    return or_(and_(Incident.kind.in_(whole), ~stands), and_(Incident.kind.not_in(whole), ~given_up))
