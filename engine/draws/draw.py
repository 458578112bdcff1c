"""Draws on record: rosters are frozen, then a secret is promised, then somebody outside contributes, then it is drawn."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import assignment, clock, deadlines, history, ids, instances, user_tasks
from engine.draws import algorithm, replay
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import DrawRecord
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import refuse

CONTRIBUTE = "contribute"
"""The step at which somebody from outside names a number."""
KEPT = ("algorithm", "roster", "hashes", "commitment", "secret", "contribution", "seed", "result", "replacements")
MOMENTS = ("frozen_at", "committed_at", "contributed_at", "drawn_at")


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


def freeze(session: Session, instance: Instance, roster: Told, *, series: str, actor: Actor | None) -> None:
    """From now on nobody changes what is drawn from; its hashes are public."""
    hashes = algorithm.hashes(roster)
    session.add(
        DrawRecord(
            id=ids.new(), instance_id=instance.id, series=series, algorithm=algorithm.ALGORITHM, roster=dict(roster),
            hashes=hashes, frozen_at=clock.now(), replacements=[],
        )
    )  # fmt: skip
    session.flush()
    history.tell(session, instance, "draw.frozen", actor, reason=f"名录总哈希 {hashes['frozen']}", **hashes)


def commit(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """A fresh secret is kept here and nowhere else; its commitment is public. Until when the observer may contribute."""
    record = of(session, instance.id)
    record.secret, record.committed_at = secrets.token_hex(32), clock.now()
    record.drawer_id = actor.id if actor else None
    record.commitment = algorithm.commitment(record.hashes["frozen"], record.secret)
    told = {"reason": record.commitment, "commitment": record.commitment}
    history.tell(session, instance, "draw.committed", actor, **told)
    return {"contribute_by": deadlines.until(session, "draw_contribution", instance.started_at)}


def make(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
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
    history.tell(session, instance, "draw.made", actor, reason=f"{mark(record)}，种子 {record.seed}", **told)


def replace(session: Session, instance: Instance, rows: Iterable[Told], *, actor: Actor | None) -> None:
    """Replace by hand whom the rows name, with the reason; what was drawn first stays beside it."""
    record, by = of(session, instance.id), actor.name if actor else ""
    named, at = ("outgoing", "incoming", "reason"), clock.now().isoformat()
    new = [
        {"object": row["item"], **{name: row[name] for name in named}, "by": by, "at": at} for row in rows if row["outgoing"]
    ]  # fmt: skip
    record.replacements = [*record.replacements, *new]
    for each in new:
        names = [record.names[each[key]] for key in ("object", "outgoing", "incoming")]
        words = "“{}”的检查人员由{}换为{}：".format(*names) + each["reason"]
        history.tell(session, instance, "draw.replaced", actor, **{**each, "reason": words})


def check_contribution(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    """Whoever contributes has no part in the draw: is not the drawer, nor of the unit in charge, nor an inspector."""
    record = of(session, instance.id)
    inside = {record.drawer_id, *session.scalars(assignment.insiders(instance))}
    if actor.id in inside or actor.login in {line["key"] for line in record.roster["inspectors"]}:
        advice = "抽取随机数须由抽取人、承办处室和检查机构以外的监督员贡献（本局双随机抽查工作约定，待核对），请退回由监督员办理。"
        raise NotAllowed(f"{actor.login} is not outside", advice=advice)
    if not (data["contribution"].isascii() and data["contribution"].isdecimal()):
        refuse({"contribution": "请只填数字，6至40位"})


def export(record: DrawRecord) -> dict[str, Any]:
    """Everything that is needed to repeat the draw. Before it is drawn there is nothing to export, the secret least of all."""
    if record.result is None or record.algorithm != algorithm.ALGORITHM:
        advice = "这次抽取用的是没有承诺和贡献的旧算法，不能导出复算；名录、种子和结果见本页。"
        advice = advice if record.drawn_at else "还没有抽取，秘密在抽取以前不公布；抽取以后再导出。"
        raise InvalidState(f"draw {record.id} is not to be exported", code="draw", advice=advice)
    moments = {name: getattr(record, name) for name in MOMENTS}
    whole = {
        **{name: getattr(record, name) for name in KEPT}, "contributed": record.contribution is not None,
        "final": replay.replaced(record.result["inspectors"], record.replacements, record.roster["recused"]),
        "about": {
            "draw": record.id, "title": record.instance.title, "drawer": record.drawer.name if record.drawer else None,
            "contributor": record.contributor.name if record.contributor else None,
            **{name: at.isoformat() if at else None for name, at in moments.items()},
        },
    }  # fmt: skip
    return {**whole, "digest": algorithm.digest(replay.canonical(whole).decode())}


TABLE: dict[str, ServiceTask] = {"draw.commit": commit, "draw.make": make}
CHECKS = {"random_check.contribution": check_contribution}
FOUR_EYES = {"random_check.contribution": "不能由您贡献：您核定过名录或作出了抽取承诺，须由抽取人以外的监督员贡献。"}
