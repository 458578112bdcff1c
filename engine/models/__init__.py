"""The tables, one module per subject. `Base.metadata` knows them all once this package is imported."""

from engine.models.accountability import AccountabilityCase
from engine.models.base import Base, Setting, table
from engine.models.burden import HeldValue, SchoolContact
from engine.models.checklists import ChecklistMark
from engine.models.document import Document, DocumentSeries
from engine.models.draws import DrawRecord
from engine.models.files import Draft, StoredFile
from engine.models.lamps import Fact, LampThreshold
from engine.models.meeting import Meeting, MeetingMember
from engine.models.notification import CalendarFeed, Delivery, DeliveryState, Notification, ReminderStage
from engine.models.organisation import LoginSession, Person, Position, RecusalFact, SchoolBinding, StandIn, Unit
from engine.models.oversight import OversightItem
from engine.models.plan import Commitment, Figure, Partner, PlanSection, Target, WorkItem, WorkPlan, WorkPoint
from engine.models.process import (
    NEVER_DUE,
    Candidate,
    Comment,
    DecisionDefinition,
    Deployment,
    DeploymentResource,
    EventKind,
    EventSubscription,
    HistoryEvent,
    Incident,
    InstanceStatus,
    Job,
    JobState,
    ProcessDefinition,
    ProcessInstance,
    RememberedAnswer,
    Resource,
    StartSubscription,
    Submission,
    TaskStatus,
    UserTask,
)
from engine.models.schedule import Occurrence, Recurrence, RecurrenceChange, SchedulerNode
from engine.models.supervision import Finding, FindingEvidence, MissedVisit, SupervisionRound, Visit
from engine.models.time import CalendarDay, CalendarYear, SchoolTerm, TimeLimit
from engine.models.vetoes import Bar
