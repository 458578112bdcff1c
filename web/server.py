"""The `serve` command: open the database, set up a demonstration if it is new, tick, and serve until interrupted."""

from __future__ import annotations

import errno
import signal
import sys
from argparse import Namespace

from waitress.server import create_server

from engine import application, scheduler, settings
from engine.demonstration import setup
from engine.errors import EngineError
from web.app import create_app

THREADS = 8


def serve(arguments: Namespace) -> int:
    kind = application.open_application(arguments.database)
    if not kind:
        kind = _set_up(empty=arguments.empty)
    try:
        server = create_server(create_app(), host=arguments.host, port=arguments.port, threads=THREADS, ident="bihuan")
    except OSError as error:
        raise EngineError(str(error), advice=_why_not(error, arguments)) from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    application.stay()
    ticking = None if arguments.no_worker else scheduler.start()
    _welcome(arguments, kind)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        if ticking:
            ticking.shutdown()
        server.close()
    print("\n已停止，数据都已保存。")
    return 0


def _set_up(*, empty: bool) -> str:
    if empty:
        application.declare_real()
        return settings.REAL
    print("正在建立演示环境：组织、人员、2021年工作要点……", flush=True)
    setup.build(_show_progress)
    print(flush=True)
    return settings.DEMONSTRATION


def _show_progress(done: int, total: int) -> None:
    print(f"\r已启动 {done}/{total} 个流程", end="", flush=True, file=sys.stdout)


def _welcome(arguments: Namespace, kind: str) -> None:
    print(f"闭环已启动：http://{arguments.host}:{arguments.port}/")
    if kind == settings.DEMONSTRATION:
        print(f"登录名例如 jj_head（处室负责人）、jj_officer1（承办人）、duxue1（督学），密码 {setup.password()}")
        print("全部账号：python3 run.py accounts；拨动时钟：python3 run.py clock --advance P20D")
    else:
        print("正式环境。首次使用请先创建管理员：python3 run.py admin create 登录名")
    print("按 Ctrl-C 停止。", flush=True)


def _why_not(error: OSError, arguments: Namespace) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"端口 {arguments.port} 已被占用，请用 --port 换一个。"
    return f"无法在 {arguments.host}:{arguments.port} 提供服务：{error.strerror}"
