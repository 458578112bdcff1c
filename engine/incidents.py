"""What stands still until a person looks at it: written down once, explained, and kept with how it ended.

What may be done about an incident is in `administration`; here is only the record, for those who meet the trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock, ids
from engine.identity import Actor
from engine.models import Incident, ProcessInstance

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
        "看最后的错误，排除原因后重试。不再需要它时取消作业：流程里等它的地方不会再因它继续。",
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
        session.execute(select(ProcessInstance.id).where(ProcessInstance.id == instance_id).with_for_update())
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


def resolve(session: Session, incident: Incident, how: str, *, actor: Actor) -> None:
    """Close an incident by a person's decision. The caller has done what `how` says."""
    incident.resolved_at, incident.resolution, incident.resolved_by_id = clock.now(), how, actor.id
    session.flush()


def pass_with_jobs(session: Session, job_ids: Sequence[str]) -> None:
    """Close the incidents of jobs that nobody needs any more."""
    _pass(session, Incident.job_id.in_(job_ids))


def pass_with_instance(session: Session, instance_id: str) -> None:
    """Close the incidents of an instance that has ended."""
    _pass(session, Incident.instance_id == instance_id)


def _pass(session: Session, which: object) -> None:
    mine = update(Incident).where(which, Incident.resolved_at.is_(None))  # type: ignore[arg-type]
    session.execute(mine.values(resolved_at=clock.now(), resolution=PASSED))
