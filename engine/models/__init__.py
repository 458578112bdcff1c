"""The tables, one module per subject. `Base.metadata` knows them all once this package is imported."""

from engine.models.base import Base, Setting
from engine.models.organisation import LoginSession, Person, Position, RecusalFact, SchoolBinding, StandIn, Unit
from engine.models.plan import Commitment, Partner, PlanSection, Target, WorkPlan, WorkPoint
from engine.models.process import (
    Candidate,
    Deployment,
    DeploymentResource,
    HistoryEvent,
    Incident,
    InstanceStatus,
    Job,
    JobState,
    MessageSubscription,
    ProcessDefinition,
    ProcessInstance,
    Resource,
    Submission,
    TaskStatus,
    UserTask,
)
from engine.models.supervision import Finding, SupervisionRound, Visit

__all__ = [
    "Base",
    "Candidate",
    "Commitment",
    "Deployment",
    "DeploymentResource",
    "Finding",
    "HistoryEvent",
    "Incident",
    "InstanceStatus",
    "Job",
    "JobState",
    "LoginSession",
    "MessageSubscription",
    "Partner",
    "Person",
    "PlanSection",
    "Position",
    "ProcessDefinition",
    "ProcessInstance",
    "RecusalFact",
    "Resource",
    "SchoolBinding",
    "Setting",
    "StandIn",
    "Submission",
    "SupervisionRound",
    "Target",
    "TaskStatus",
    "Unit",
    "UserTask",
    "Visit",
    "WorkPlan",
    "WorkPoint",
]
