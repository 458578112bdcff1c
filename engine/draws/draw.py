"""Draws on record: rosters are frozen, then a secret is promised, then somebody outside contributes, then it is drawn."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import assignment, clock, deadlines, history, ids, instances, user_tasks
from engine.draws import algorithm, replay
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import DrawRecord
from engine.runtime import Instance, ServiceTask

CONTRIBUTE = "contribute"
"""The step at which somebody from outside names a number."""


def find(session: Session, instance_id: str | None) -> DrawRecord | None:
    return session.scalar(select(DrawRecord).where(DrawRecord.instance_id == instance_id))


def of(session: Session, instance_id: str) -> DrawRecord:
    return session.scalars(select(DrawRecord).where(DrawRecord.instance_id == instance_id)).one()


def get(session: Session, draw_id: str, *, actor: Actor) -> DrawRecord:
    """The draw, if this person may look at its instance."""
    record = session.get(DrawRecord, draw_id)
    if record is None or not instances.can_view(session, actor, record.instance_id):
        raise NotFound(f"no draw {draw_id}", advice="没有这次抽取，或您无权查看。")
    return record


def final(record: DrawRecord) -> dict[str, list[str]]:
    """Who goes to which object, replacements carried out; nobody before it is drawn."""
    return replay.replaced(record.result["inspectors"], record.replacements) if record.result else {}


def mark(record: DrawRecord) -> str:
    """Whether somebody from outside had a part in it, in words that go wherever the draw is shown."""
    return replay.MARKS[record.contribution is not None] if record.drawn_at else ""


def freeze(
    session: Session, instance: Instance, roster: Mapping[str, Any], *, series: str, actor: Actor | None
) -> None:
    """From now on nobody changes what is drawn from; its hashes are public."""
    hashes = algorithm.hashes(roster)
    session.add(
        DrawRecord(
            id=ids.new(), instance_id=instance.id, series=series, algorithm=algorithm.ALGORITHM, roster=dict(roster),
            hashes=hashes, frozen_at=clock.now(), replacements=[],
        )
    )  # fmt: skip
    session.flush()
    _record(session, instance, "draw.frozen", actor, f"名录总哈希 {hashes['frozen']}", hashes)


def commit(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """A fresh secret is kept here and nowhere else; its commitment is public. Until when the observer may contribute."""
    record = of(session, instance.id)
    record.secret, record.committed_at = secrets.token_hex(32), clock.now()
    record.drawer_id = actor.id if actor else None
    record.commitment = algorithm.commitment(record.hashes["frozen"], record.secret)
    _record(session, instance, "draw.committed", actor, record.commitment, {"commitment": record.commitment})
    until = deadlines.due(session, "rule:draw_contribution", variables, opened_at=instance.started_at).at
    return {"contribute_by": (until or clock.now()).isoformat()}


def make(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Draw, with what was contributed or without; the secret is public from now on."""
    record = of(session, instance.id)
    if record.secret is None or record.drawn_at or algorithm.hashes(record.roster) != record.hashes:
        advice = "名录与冻结时公布的哈希不符，或已经抽取过，不能抽取；请系统管理员核查数据库后终止本批，另行立项抽取。"
        raise InvalidState(f"cannot draw {record.id}", code="draw", advice=advice)
    for sent in user_tasks.submissions(session, instance.id, CONTRIBUTE)[-1:]:
        record.contribution, record.contributor_id = sent.data["contribution"], sent.submitted_by_id
        record.contributed_at = sent.submitted_at
    record.seed = algorithm.seed(record.hashes["frozen"], record.secret, record.contribution or "")
    record.result, record.drawn_at = algorithm.run(record.roster, record.seed), clock.now()
    told = {"seed": record.seed, "secret": record.secret, "contribution": record.contribution, **record.result}
    _record(session, instance, "draw.made", actor, f"{mark(record)}，种子 {record.seed}", told)


def replace(session: Session, instance: Instance, rows: Iterable[Mapping[str, Any]], *, actor: Actor | None) -> None:
    """Replace by hand whom the rows name, with the reason; what was drawn first stays beside it."""
    record, by = of(session, instance.id), actor.name if actor else ""
    new = [
        {"object": row["item"], "outgoing": row["outgoing"], "incoming": row["incoming"], "reason": row["reason"],
         "by": by, "at": clock.now().isoformat()}
        for row in rows if row["outgoing"]
    ]  # fmt: skip
    record.replacements = [*record.replacements, *new]
    for each in new:
        names = [record.names[each[key]] for key in ("object", "outgoing", "incoming")]
        words = "“{}”的检查人员由{}换为{}：".format(*names) + each["reason"]
        _record(session, instance, "draw.replaced", actor, words, each)


def check_contribution(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Whoever contributes has no part in the draw: is not the drawer, nor of the unit in charge, nor an inspector."""
    record = of(session, instance.id)
    inside = {record.drawer_id, *session.scalars(assignment.insiders(instance))}
    if actor.id in inside or actor.login in {line["key"] for line in record.roster["inspectors"]}:
        advice = "抽取随机数须由抽取人、承办处室和检查机构以外的监督员贡献（本局双随机抽查工作约定，待核对），请退回由监督员办理。"
        raise NotAllowed(f"{actor.login} is not outside", advice=advice)
    if not (data["contribution"].isascii() and data["contribution"].isdecimal()):
        raise ValidationError({"contribution": ["请只填数字，6至40位"]})


def export(record: DrawRecord) -> dict[str, Any]:
    """Everything that is needed to repeat the draw. Before it is drawn there is nothing to export, the secret least of all."""
    if record.drawn_at is None or record.algorithm != algorithm.ALGORITHM:
        raise InvalidState(f"draw {record.id} is not to be exported", code="draw", advice=_why_no_export(record))
    assert record.result is not None
    recused, drawn = record.roster["recused"], record.result["inspectors"]
    whole = {
        "algorithm": record.algorithm, "roster": record.roster, "hashes": record.hashes, "commitment": record.commitment,
        "secret": record.secret, "contribution": record.contribution, "contributed": record.contribution is not None,
        "seed": record.seed, "result": record.result, "replacements": record.replacements,
        "final": replay.replaced(drawn, record.replacements, recused),
        "about": {
            "draw": record.id, "title": record.instance.title, "drawer": record.drawer.name if record.drawer else None,
            "contributor": record.contributor.name if record.contributor else None,
            "frozen_at": _written(record.frozen_at), "committed_at": _written(record.committed_at),
            "contributed_at": _written(record.contributed_at), "drawn_at": _written(record.drawn_at),
        },
    }  # fmt: skip
    return {**whole, "digest": algorithm.digest(replay.canonical(whole).decode())}


TABLE: dict[str, ServiceTask] = {"draw.commit": commit, "draw.make": make}
CHECKS = {"random_check.contribution": check_contribution}
FOUR_EYES = {"random_check.contribution": "不能由您贡献：您核定过名录或作出了抽取承诺，须由抽取人以外的监督员贡献。"}


def _why_no_export(record: DrawRecord) -> str:
    if record.drawn_at is None:
        return "还没有抽取，秘密在抽取以前不公布；抽取以后再导出。"
    return "这次抽取用的是没有承诺和贡献的旧算法，不能导出复算；名录、种子和结果见本页。"


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _record(
    session: Session, instance: Instance, kind: str, actor: Actor | None, reason: str, told: Mapping[str, Any]
) -> None:
    history.record(session, instance, [Entry(kind, actor.id if actor else None, detail={"reason": reason, **told})])
