"""The commands behind `run.py` that need no browser. Each takes the parsed arguments and returns an exit code."""

from __future__ import annotations

import getpass
import json
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from engine import application, clock, db, definitions, history, identity, ids, scheduler, settings
from engine.demonstration import setup
from engine.errors import DefinitionRefused, EngineError, NotFound, Problem
from engine.models import Person, Position, Unit
from engine.spiff.timers import after


def worker(arguments: Namespace) -> int:
    """Tick the scheduler without serving pages, until interrupted or told to end; the job in hand is finished."""
    application.open_application(arguments.database)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    application.stay()
    ticking = scheduler.start()
    print("作业进程已启动，按 Ctrl-C 停止。", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("正在停止：做完手上的作业。", flush=True)
    finally:
        ticking.shutdown()
    print("已停止。")
    return 0


def move_clock(arguments: Namespace) -> int:
    """Show a demonstration's time, or move it forward."""
    application.open_application(arguments.database)
    with db.transaction() as session:
        if arguments.advance:
            settings.move_clock(session, after(arguments.advance, clock.now()))
    print(f"{clock.now().astimezone(clock.LOCAL):%Y-%m-%d %H:%M}")
    return 0


def accounts(arguments: Namespace) -> int:
    """List the people of a demonstration."""
    if application.open_application(arguments.database) != settings.DEMONSTRATION:
        raise EngineError("not a demonstration", advice="只有演示环境可以列出账号。")
    with db.reading() as session:
        rows = list(_accounts(session))
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            held = "；".join(f"{each['unit']} {each['title']}" for each in row["positions"])
            print(f"{row['login']:<20} {row['name']}\t{held}")
        print(f"密码：{setup.password()}")
    return 0


def admin(arguments: Namespace) -> int:
    """Create an administrator of a real installation; the password is asked for, or read from standard input."""
    application.open_application(arguments.database)
    prompt = getpass.getpass if sys.stdin.isatty() else lambda _: sys.stdin.readline().rstrip("\n")
    secret = prompt("密码（至少 12 位）：")
    with db.transaction() as session:
        person = identity.create_person(session, arguments.login, arguments.name or arguments.login, secret)
        unit = session.scalar(select(Unit).where(Unit.kind == "bureau")) or _bureau(session)
        position = Position(id=ids.new(), unit_id=unit.id, role="system_admin", title="系统管理员", order=0)
        person.positions.append(position)
    print(f"已创建系统管理员 {arguments.login}。")
    return 0


def deploy(arguments: Namespace) -> int:
    """Check diagrams and, unless told only to check, deploy them."""
    files = {name: path.read_bytes() for given in arguments.paths for name, path in _diagrams(Path(given)).items()}
    try:
        changed = _rehearse(arguments.database, files) if arguments.check else _deploy(arguments.database, files)
    except DefinitionRefused as refusal:
        _print_problems(refusal.problems, arguments.json)
        return 1
    if arguments.json:
        _print_problems((), arguments.json)
    else:
        print("检查通过。" if arguments.check else f"已部署：{'、'.join(changed) or '没有变化'}。")
    return 0


def _deploy(database: str | None, files: dict[str, bytes]) -> list[str]:
    application.open_application(database)
    with db.transaction() as session:
        _, changed = definitions.deploy(session, "命令行部署", files, source="command")
        return [f"{definition.key} 第 {definition.version} 版" for definition in changed]


def _rehearse(database: str | None, files: dict[str, bytes]) -> list[str]:
    """Deploy to see what is refused, and keep nothing."""
    application.open_library(database)
    with db.reading() as session:
        definitions.deploy(session, "检查", files)
        session.rollback()
    return []


def _print_problems(problems: Sequence[Problem], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"problems": list(map(asdict, problems))}, ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            print(problem)


def verify(arguments: Namespace) -> int:
    """Recompute every history chain."""
    application.open_application(arguments.database)
    with db.reading() as session:
        faults = list(history.broken_chains(session))
    for instance_id, reason in faults:
        print(f"流程 {instance_id}：{reason}")
    print(f"历史记录有 {len(faults)} 处不符。" if faults else "历史记录完整。")
    return 1 if faults else 0


def _accounts(session: Session) -> Iterator[dict[str, Any]]:
    everyone = select(Person).options(selectinload(Person.positions).joinedload(Position.unit)).order_by(Person.login)
    for person in session.scalars(everyone):
        held = [{"role": p.role, "unit": p.unit.name, "title": p.title} for p in person.positions]
        yield {"login": person.login, "name": person.name, "unit": held[0]["unit"], "positions": held}


def _bureau(session: Session) -> Unit:
    unit = Unit(id=ids.new(), key="BUREAU", name="本局", kind="bureau")
    session.add(unit)
    session.flush()
    return unit


def _diagrams(path: Path) -> dict[str, Path]:
    """Diagrams and decision tables by the names they are deployed under: in a folder, those relative to it."""
    folder = path if path.is_dir() else path.parent
    found = sorted(file for kind in ("bpmn", "dmn") for file in path.rglob(f"*.{kind}")) if path.is_dir() else [path]
    if not found or not all(file.is_file() for file in found):
        raise NotFound(f"no diagrams at {path}", advice=f"“{path}”处没有流程图文件。")
    return {file.relative_to(folder).as_posix(): file for file in found}
