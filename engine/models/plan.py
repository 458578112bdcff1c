"""The yearly work plan (工作要点): sections, work points, commitments and their targets. Each point and commitment has an instance."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Json, JsonList, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.process import ProcessInstance


class WorkPlan(Base):
    __tablename__ = "work_plan"

    id: Mapped[Id] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(unique=True)
    title: Mapped[LongText]
    issued_on: Mapped[date]
    source: Mapped[LongText]
    launched_at: Mapped[Moment | None]

    sections: Mapped[list[PlanSection]] = relationship(back_populates="plan", order_by="PlanSection.number")


class PlanSection(Base):
    __tablename__ = "plan_section"
    __table_args__ = (UniqueConstraint("plan_id", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    plan_id: Mapped[Id] = mapped_column(ForeignKey("work_plan.id"))
    number: Mapped[int]
    numeral: Mapped[Key]
    title: Mapped[LongText]

    plan: Mapped[WorkPlan] = relationship(back_populates="sections")
    points: Mapped[list[WorkPoint]] = relationship(back_populates="section", order_by="WorkPoint.number")


class WorkPoint(Base):
    """A work point (要点) and the process that runs it through its five phases."""

    __tablename__ = "work_point"
    __table_args__ = (UniqueConstraint("section_id", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    section_id: Mapped[Id] = mapped_column(ForeignKey("plan_section.id"))
    number: Mapped[int]
    title: Mapped[LongText]
    lead_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    grade: Mapped[Key | None]
    archive_number: Mapped[Key | None]

    section: Mapped[PlanSection] = relationship(back_populates="points")
    lead: Mapped[Unit] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    commitments: Mapped[list[Commitment]] = relationship(back_populates="point", order_by="Commitment.number")


class Commitment(Base):
    """What the plan promises in one sentence (任务), with its own lead, period and process."""

    __tablename__ = "commitment"
    __table_args__ = (UniqueConstraint("point_id", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    point_id: Mapped[Id] = mapped_column(ForeignKey("work_point.id"))
    number: Mapped[int]
    code: Mapped[Key]
    """`5-7`: seventh commitment of the fifth point."""
    title: Mapped[LongText]
    kind: Mapped[Key]
    shape: Mapped[Key]
    starts_on: Mapped[date]
    due_on: Mapped[date] = mapped_column(nullable=True)
    """As `lead` and `definition` empty until the office has filled it in; the launch refuses a commitment without."""
    definition: Mapped[LongText] = mapped_column(nullable=True)
    """When it counts as completed (口径)."""
    assumed: Mapped[JsonList] = mapped_column(default=list)
    """Which of lead, due_on and definition are our assumption, to be confirmed by the bureau (待核对)."""
    cadence: Mapped[Key | None]
    lead_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"), nullable=True)
    evidence: Mapped[JsonList]
    gates: Mapped[JsonList]
    note: Mapped[LongText | None]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    progress: Mapped[int] = mapped_column(default=0)
    """Percent, as last reported."""
    reported_at: Mapped[Moment | None]
    result: Mapped[Key | None]
    """`completed`, `missed` (未达标办结) or `carried_over` (结转) once it has been judged."""

    point: Mapped[WorkPoint] = relationship(back_populates="commitments")
    lead: Mapped[Unit] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    partners: Mapped[list[Partner]] = relationship(order_by="Partner.number")
    targets: Mapped[list[Target]] = relationship(order_by="Target.number")


class WorkItem(Base):
    """One occurrence (事项) of a commitment that repeats: a period, school, project, case … with a process of its own."""

    __tablename__ = "work_item"
    __table_args__ = (UniqueConstraint("commitment_id", "key"), UniqueConstraint("commitment_id", "number"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    commitment_id: Mapped[Id] = mapped_column(ForeignKey("commitment.id"))
    number: Mapped[int]
    kind: Mapped[Key]
    key: Mapped[Key]
    """What makes it one of its kind: the key of a period, of a unit, or an id; no occurrence is opened twice."""
    name: Mapped[LongText]
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    """Whose affair it is, where that is not the unit in charge of the commitment."""
    due_on: Mapped[date]
    detail: Mapped[Json]
    """What was registered, and what its process keeps of it beyond the submissions."""
    registered_at: Mapped[Moment]
    registered_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    ended_at: Mapped[Moment | None]
    result: Mapped[Key | None]
    """`done`, or how else it ended."""

    unit: Mapped[Unit | None] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()


class Partner(Base):
    """A co-operating unit, or the plan's own words where no unit of ours is meant (市发改委, 各级党组织)."""

    __tablename__ = "partner"

    commitment_id: Mapped[Id] = mapped_column(ForeignKey("commitment.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    words: Mapped[LongText]

    unit: Mapped[Unit | None] = relationship()


class Target(Base):
    """A figure promised, with how hard the promise is (硬, 约 = 左右, 争取) and how it is counted (口径)."""

    __tablename__ = "target"

    commitment_id: Mapped[Id] = mapped_column(ForeignKey("commitment.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[LongText]
    operator: Mapped[Key | None]
    value: Mapped[LongText | None]
    unit: Mapped[Key | None]
    hardness: Mapped[Key | None]
    certainty: Mapped[Key | None]
    aggregation: Mapped[LongText | None]
    as_of: Mapped[LongText | None]
    caveat: Mapped[LongText | None]
    headline: Mapped[int | None]
    definition: Mapped[LongText | None]
    """What counts and what does not (口径)."""
    counting: Mapped[Key | None]
    """How figures add up: a key of `measures.COUNTINGS`; None for an ordinal, which is no quantity."""
    tolerance: Mapped[Key | None]
    """How far 约 may be off, in the target's unit."""
    assumed: Mapped[JsonList] = mapped_column(default=list)
    """Which of these columns the bureau has yet to confirm (待核对)."""


class Figure(Base):
    """What a unit reported for a target as of a day, with the document it is from. Never edited: a correction is another row."""

    __tablename__ = "figure"
    __table_args__ = (
        ForeignKeyConstraint(["commitment_id", "target_number"], ["target.commitment_id", "target.number"]),
        Index(None, "commitment_id", "target_number"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    commitment_id: Mapped[Id]
    target_number: Mapped[int]
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    as_of: Mapped[date]
    value: Mapped[Key | None]
    """Decimal, as it was written, like the next two."""
    numerator: Mapped[Key | None]
    denominator: Mapped[Key | None]
    entries: Mapped[JsonList]
    """The names behind a count, or what a coefficient is of."""
    measure: Mapped[Key]
    """Its unit of measurement (计量单位)."""
    source: Mapped[LongText]
    evidence_kind: Mapped[Key]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    user_task_id: Mapped[Id | None] = mapped_column(ForeignKey("user_task.id"))
    """Of the submission it stands in."""
    reported_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    reported_at: Mapped[Moment]

    unit: Mapped[Unit] = relationship()
    reported_by: Mapped[Person] = relationship()
