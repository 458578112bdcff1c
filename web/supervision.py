"""督导: rounds of every kind in their month, who answers for which schools, what was missed, and the ledger of findings."""

from __future__ import annotations

from calendar import Calendar as Weeks
from datetime import date, timedelta
from io import BytesIO

from flask import Blueprint, g, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db, deadlines
from engine.lamps import picture
from engine.models import Visit
from engine.supervision import bindings, frequency, ledger, ledger_book, missed, overview, rounds
from web import entry, wording
from web.entry import Entry

bp = Blueprint("supervision", __name__, url_prefix="/supervision")
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("")
def index() -> ResponseReturnValue:
    first = wording.month(request.args)
    after = (first + timedelta(days=31)).replace(day=1)
    kind = request.args.get("kind", "") if request.args.get("kind") in overview.KINDS else ""
    with db.reading() as session:
        held = overview.rounds(session, g.actor, first, after - timedelta(days=1))
        held = [each for each in held if kind in ("", each.kind)]
        visits = [visit for each in held for visit in each.visits]
        items = [each for each in overview.items(session, g.actor) if kind in ("", each.kind)]
        days: dict[date, list[Visit | overview.Item]] = {}
        for visit in visits:
            days.setdefault(visit.visited_on or visit.visit_by, []).append(visit)
        for item in items:
            days.setdefault(item.row.due_on, []).append(item)
        lamps = picture.of_instances(session, filter(None, [
            *(visit.instance_id for visit in visits), *(each.row.instance_id for each in items)
        ]))  # fmt: skip
        return render_template(
            "supervision.html", rounds=held, items=items, days=days, lamps=lamps, kinds=overview.KINDS, kind=kind,
            month=first, before=first - timedelta(days=1), after=after, can_open=rounds.can_open(g.actor),
            weeks=Weeks().monthdatescalendar(first.year, first.month),
            missed=missed.listed(session, g.actor, clock.today() - frequency.AHEAD),
        )  # fmt: skip


@bp.route("/rounds/new", methods=["GET", "POST"])
def open_round() -> ResponseReturnValue:
    rounds.require_can_open(g.actor)
    note = "每所选中的学校由其责任督学进校；漏访和经常性督导另行计算"
    asked = Entry(
        rounds.FORM, "发起专项督导轮次", "督导任务", url_for(".index"), "已发起，进校任务已派发给责任督学。", note
    )
    return entry.page(asked, {}, rounds.open_theme)


@bp.route("/missed/<missed_id>", methods=["GET", "POST"])
def explain(missed_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        row = missed.get(session, missed_id, actor=g.actor)
        title, note = f"漏访说明：{row.school.name}", f"{row.period_name}，{row.demanded}"
    asked = Entry("supervision.missed", title, "督导任务", url_for(".index"), "已登记原因；这条漏访仍在名单中。", note)
    return entry.page(asked, {}, missed.explain, missed_id)


@bp.get("/bindings")
def list_bindings() -> ResponseReturnValue:
    with db.reading() as session:
        counts, most = bindings.loads(session)
        book = deadlines.current(session)
        rules = [book.find(key, clock.now()) for key in bindings.RULES]
        return render_template(
            "bindings.html", rows=bindings.listed(session, g.actor), loads=counts, most=most,
            rules=[each for each in rules if each], can_bind=bindings.can_bind(g.actor),
        )  # fmt: skip


@bp.route("/bindings/<key>", methods=["GET", "POST"])
def bind(key: str) -> ResponseReturnValue:
    with db.reading() as session:
        school = bindings.get_school(session, key, actor=g.actor)
        title, area = f"安排责任督学：{school.name}", school.area
    done = "已安排；到任之日起由新任责任督学进校。"
    asked = Entry(bindings.FORM, title, "责任督学", url_for(".list_bindings"), done)
    known = {"starts_on": clock.today().isoformat(), "area": area}
    return entry.page(asked, known, bindings.bind, key)


@bp.get("/ledger")
def show_ledger() -> ResponseReturnValue:
    sort, page = request.args.get("sort", ""), wording.page_number(request.args)
    with db.reading() as session:
        filters = ledger.asked(session, request.args, g.actor)
        found = ledger.findings(session, filters, g.actor, sort=sort, page=page)
        (total,) = ledger.figures(session, filters, g.actor)
        return render_template(
            "ledger.html", findings=found[: ledger.A_PAGE], is_more=len(found) > ledger.A_PAGE, page=page, sort=sort,
            filters=filters, choices=ledger.choices(session, g.actor), states=ledger.STATES, groups=ledger.GROUPS,
            total=total, by={by: ledger.figures(session, filters, g.actor, by) for by in ledger.GROUPS},
            lamps=picture.of_instances(session, filter(None, (each.instance_id for each in found))),
            rounds=ledger.rounds(session, filters, g.actor), state_of=ledger.state_of, sources=ledger.SOURCES,
        )  # fmt: skip


@bp.get("/ledger.xlsx")
def export_ledger() -> ResponseReturnValue:
    with db.reading() as session:
        filters = ledger.asked(session, request.args, g.actor)
        made = ledger_book.book(session, filters, g.actor, request.args.get("sort", ""))
    name = f"督导台账{clock.today():%Y%m%d}.xlsx"
    return send_file(BytesIO(made), mimetype=EXCEL, as_attachment=True, download_name=name)
