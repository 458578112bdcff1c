"""Supervision (督导): rounds, the visits they are made of, and the findings that must be closed (销号)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, JsonList, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.plan import WorkPoint
from engine.models.process import ProcessInstance


class SupervisionRound(Base):
    """Visits that belong together: those of a month (经常性督导), or those a theme or a work point's 督导 phase asks for."""

    __tablename__ = "supervision_round"

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(unique=True)
    """What the round is for, `routine:2021-04` or `point:<instance>`; unique, so that no round is opened twice."""
    kind: Mapped[Key]
    """`routine` (经常性) or `theme` (专项主题)."""
    all_matters: Mapped[bool]
    """Its visits look at all eight matters, so they count for how often a school must be visited."""
    title: Mapped[LongText]
    theme: Mapped[LongText | None]
    visit_by: Mapped[date]
    point_id: Mapped[Id | None] = mapped_column(ForeignKey("work_point.id"))
    opened_at: Mapped[Moment]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)

    point: Mapped[WorkPoint | None] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    visits: Mapped[list[Visit]] = relationship(back_populates="round", order_by="Visit.number")


class Visit(Base):
    """One inspector goes to one school."""

    __tablename__ = "visit"
    __table_args__ = (UniqueConstraint("round_id", "school_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    round_id: Mapped[Id] = mapped_column(ForeignKey("supervision_round.id"))
    number: Mapped[int]
    school_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    inspector_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    due_on: Mapped[date | None]
    """Until when, where that is not the round's own day, and by which rule."""
    due_reason: Mapped[LongText | None]
    visited_on: Mapped[date | None]
    summary: Mapped[LongText | None]

    round: Mapped[SupervisionRound] = relationship(back_populates="visits")
    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()

    @property
    def visit_by(self) -> date:
        return self.due_on or self.round.visit_by


class MissedVisit(Base):
    """A month or term went by without the visits it demands (漏访). It stays, whatever is visited or corrected later."""

    __tablename__ = "missed_visit"
    __table_args__ = (UniqueConstraint("school_id", "rule", "period_key"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    school_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    rule: Mapped[Key]
    """Key of the time limit that demands them."""
    period_key: Mapped[Key]
    period_name: Mapped[Key]
    ended_on: Mapped[date]
    demanded: Mapped[LongText]
    """What was demanded, and how often somebody came."""
    inspector_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    """Who answered for the school when the period ended; nobody where it had no inspector."""
    noted_at: Mapped[Moment]
    reason: Mapped[LongText | None]
    explained_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    explained_at: Mapped[Moment | None]

    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person | None] = relationship(foreign_keys=[inspector_id])
    explained_by: Mapped[Person | None] = relationship(foreign_keys=[explained_by_id])


class Finding(Base):
    """A problem found (问题). It is closed (销号) by accepted evidence for each criterion alone, and by an independent verifier."""

    __tablename__ = "finding"
    __table_args__ = (Index(None, "unit_id", "clause"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    number: Mapped[Key] = mapped_column(unique=True)
    """`2021-0001`, never used again."""
    source: Mapped[Key]
    """What it was found in: visit, supervision, random, ledger."""
    visit_id: Mapped[Id | None] = mapped_column(ForeignKey("visit.id"))
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    title: Mapped[LongText]
    description: Mapped[LongText]
    clause: Mapped[str] = mapped_column(String(300))
    severity: Mapped[Key]
    mode: Mapped[Key]
    """立行立改, 分阶段 or 持续."""
    criteria: Mapped[JsonList]
    """What must be true before it is closed, written down when it was issued."""
    evidence_kinds: Mapped[JsonList]
    photos: Mapped[JsonList]
    """Ids of stored files."""
    verified_by: Mapped[Key]
    """The rule that says who verifies."""
    found_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    issued_at: Mapped[Moment]
    rectify_by: Mapped[date]
    """As the notice said; what an extension gave is `due_on`."""
    due_on: Mapped[date]
    round: Mapped[int] = mapped_column(default=1)
    """How often it was rectified, this time included: each return opens another."""
    repeat_of_id: Mapped[Id | None] = mapped_column(ForeignKey("finding.id"))
    """The same unit had the same clause before."""
    relapse_of_id: Mapped[Id | None] = mapped_column(ForeignKey("finding.id"), index=True)
    """A re-look (回头看) found that what was closed had not lasted (反弹)."""
    closed_at: Mapped[Moment | None]
    closed_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"), index=True)
    withdrawn_at: Mapped[Moment | None]
    """A re-examination (复核) found that it should not have been issued."""
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)

    visit: Mapped[Visit | None] = relationship()
    unit: Mapped[Unit] = relationship()
    found_by: Mapped[Person] = relationship(foreign_keys=[found_by_id])
    closed_by: Mapped[Person | None] = relationship(foreign_keys=[closed_by_id])
    instance: Mapped[ProcessInstance | None] = relationship()
    repeat_of: Mapped[Finding | None] = relationship(foreign_keys=[repeat_of_id], remote_side=[id])
    relapse_of: Mapped[Finding | None] = relationship(foreign_keys=[relapse_of_id], remote_side=[id])
    evidence: Mapped[list[FindingEvidence]] = relationship(
        back_populates="finding", order_by="(FindingEvidence.round, FindingEvidence.criterion)"
    )

    @property
    def is_open(self) -> bool:
        return self.closed_at is None and self.withdrawn_at is None


class FindingEvidence(Base):
    """What was shown for one criterion in one round of rectification (举证), and how it was judged. Neither is changed later."""

    __tablename__ = "finding_evidence"
    __table_args__ = (UniqueConstraint("finding_id", "round", "criterion"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    finding_id: Mapped[Id] = mapped_column(ForeignKey("finding.id"))
    round: Mapped[int]
    criterion: Mapped[int]
    """Place in the finding's criteria, from 0."""
    told: Mapped[LongText]
    kind: Mapped[Key]
    dated: Mapped[date]
    files: Mapped[JsonList]
    provided_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    provided_at: Mapped[Moment]
    verdict: Mapped[Key | None]
    """`accepted` or `rejected`."""
    reason: Mapped[LongText | None]
    judged_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    judged_at: Mapped[Moment | None]

    finding: Mapped[Finding] = relationship(back_populates="evidence")
    provided_by: Mapped[Person] = relationship(foreign_keys=[provided_by_id])
    judged_by: Mapped[Person | None] = relationship(foreign_keys=[judged_by_id])
