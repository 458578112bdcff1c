#!/usr/bin/env python3
"""The one command: sets itself up beside this file (`.venv`), then does what it is asked. Standard library only.

`python3 run.py` serves the demonstration; `python3 run.py --help` lists the rest. The syntax of this file stays old, so
that an old Python gets a sentence instead of a SyntaxError.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
OLDEST_PIP = (22, 3)
SOURCES = ["engine", "forms", "bpmn", "web", "tests", "bench", "run.py"]

COMMANDS = {
    "serve": ("启动网页服务（不带命令时即此项）", "web.server:serve"),
    "worker": ("只运行定时作业，不提供网页", "engine.commands:worker"),
    "test": ("运行测试（SQLite 与 PostgreSQL）", "run:run_tests"),
    "check": ("检查代码：格式、类型、分层", "run:run_checks"),
    "bench": ("测量速度，与目标并列（比率见 bench/README.md）", "bench.command:bench"),
    "clock": ("查看或向前拨动演示环境的时钟", "engine.commands:move_clock"),
    "accounts": ("列出演示账号", "engine.commands:accounts"),
    "admin": ("创建正式环境的管理员", "engine.commands:admin"),
    "deploy": ("检查并部署流程图", "engine.commands:deploy"),
    "verify": ("核验历史记录是否完整", "engine.commands:verify"),
    "verify-draw": ("用导出文件复算一次随机抽取；不需要数据库，也不安装任何东西", "engine.draws.replay:verify_draw"),
}
"""Command → one line of help, and the function that does it; it takes the parsed arguments, returns the exit code."""

FOR_DEVELOPERS = ("test", "check", "bench")
SELF_CONTAINED = ("verify-draw",)
"""What the standard library is enough for."""


def main(words: list[str]) -> int:
    if sys.version_info < OLDEST:
        print("需要 Python {}.{} 或更新版本，现在是 {}.{}。".format(*OLDEST, *sys.version_info[:2]))
        return 1
    arguments = parse(words)
    if Path(sys.prefix) != VENV and arguments.command not in SELF_CONTAINED:
        prepare("requirements-test.lock" if arguments.command in FOR_DEVELOPERS else "requirements.lock")
        return re_execute(words)
    return perform(arguments)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description="闭环：市教育局年度工作要点运行与督导")
    commands = parser.add_subparsers(dest="command", metavar="命令", title="命令")
    made = {name: commands.add_parser(name, help=told, description=told) for name, (told, _) in COMMANDS.items()}
    for name in ("serve", "worker", "clock", "accounts", "admin", "deploy", "verify"):
        made[name].add_argument(
            "--database", metavar="路径或URL", help="缺省为 var/bihuan.sqlite3，或环境变量 DATABASE_URL"
        )
    made["serve"].add_argument("--host", default="127.0.0.1")
    made["serve"].add_argument("--port", type=int, default=8000)
    made["serve"].add_argument("--empty", action="store_true", help="建立正式环境，不装演示数据")
    made["serve"].add_argument("--no-worker", action="store_true", help="不在本进程运行定时作业")
    made["test"].add_argument("--long", action="store_true", help="按完整次数运行；其他参数交给 pytest")
    made["bench"].add_argument("--quick", action="store_true", help="缩小规模，三分钟以内")
    made["bench"].add_argument("--json", action="store_true")
    made["bench"].add_argument("--only", metavar="编号", help="只测这些比率，例如 1,2,12")
    made["clock"].add_argument("--advance", metavar="P3D", help="向前拨多久（ISO 8601）")
    made["accounts"].add_argument("--json", action="store_true")
    made["admin"].add_argument("action", choices=["create"])
    made["admin"].add_argument("login")
    made["admin"].add_argument("--name")
    made["verify-draw"].add_argument("file", metavar="文件", help="抽取页面上导出的 JSON 文件")
    made["deploy"].add_argument("paths", nargs="+", metavar="路径")
    made["deploy"].add_argument("--check", action="store_true", help="只检查，不部署；不需要数据库")
    made["deploy"].add_argument("--json", action="store_true", help="以 JSON 输出发现的问题")
    arguments, rest = parser.parse_known_args(words if words and words[0] in COMMANDS else with_default(words))
    if rest and arguments.command != "test":
        parser.error("不认识的参数：" + " ".join(rest))
    arguments.rest = rest
    return arguments


def with_default(words: list[str]) -> list[str]:
    """No command means `serve`; its options may then be given directly."""
    return words if words and words[0] in ("-h", "--help") else ["serve", *words]


def prepare(lock: str) -> None:
    """Make `.venv` hold what the lock file says. A stamp makes the next time free; without it everything is done again."""
    wanted = hashlib.sha256((ROOT / lock).read_bytes() + sys.version.encode()).hexdigest()
    stamp = VENV / (lock + ".stamp")
    if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
        return
    say("正在准备运行环境（首次需要下载，约半分钟）……")
    try:
        if not PYTHON.exists():
            venv.create(str(VENV), with_pip=not usable_pip(), symlinks=os.name != "nt")
        install(lock)
        for other in VENV.glob("*.stamp"):
            other.unlink()
        if lock == "requirements-test.lock":
            # What tests need includes what running needs.
            run_time = hashlib.sha256((ROOT / "requirements.lock").read_bytes() + sys.version.encode()).hexdigest()
            (VENV / "requirements.lock.stamp").write_text(run_time)
        stamp.write_text(wanted)
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            "这个 Python 没有可用的 pip，请先安装 pip 22.3 或更新版本（Debian：apt install python3-pip）。"
        ) from error
    except OSError as error:
        raise SystemExit(f"无法建立运行环境：{error}。请检查磁盘空间和目录权限。") from error


def usable_pip() -> bool:
    """Whether the Python that runs us has a pip new enough to install into another environment."""
    found = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, text=True)
    if found.returncode:
        return False
    major, minor = found.stdout.split()[1].split(".")[:2]
    return (int(major), int(minor)) >= OLDEST_PIP


def install(lock: str) -> None:
    """Only wheels, only what the lock names, checked against its hashes (BIHUAN_HASHES=0 for a mirror that rebuilds them)."""
    outer = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    inner = [str(PYTHON), "-m", "pip"]
    pip = outer if usable_pip() else inner
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--disable-pip-version-check", "--quiet"]
    if os.environ.get("BIHUAN_HASHES") == "0":
        lines = [line.split(" \\")[0] for line in (ROOT / lock).read_text("utf-8").splitlines()]
        named = [line for line in lines if line and not line.startswith((" ", "#"))]
        ask = named
    else:
        ask = ["--require-hashes", "-r", str(ROOT / lock)]
    done = subprocess.run([*pip, "install", *options, *ask], env=environment(), stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(why_not(done.stderr) + "\n" + "".join(done.stderr.strip().splitlines(True)[-2:]))


def why_not(told: str) -> str:
    """What pip's complaint means, in one sentence; its own last words follow."""
    if "No space left" in told:
        return "磁盘空间不足，请清理后再运行一次。"
    if "hash" in told.lower():
        return "下载的文件与锁定的校验值不符；若所用镜像会重新打包，请设 BIHUAN_HASHES=0 后再运行。"
    return "安装依赖未成功，请检查网络或软件源后再运行一次；已下载的部分不受影响。"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), "PIP_ROOT_USER_ACTION": "ignore", "PIP_USER": "0"}


def re_execute(words: list[str]) -> int:
    command = [str(PYTHON), str(ROOT / "run.py"), *words]
    if os.name == "nt":
        return subprocess.run(command, env=environment()).returncode
    sys.stdout.flush()
    os.execve(command[0], command, environment())
    return 0


def perform(arguments: argparse.Namespace) -> int:
    """Run the command's function; what the engine refuses is one sentence, not a traceback."""
    from importlib import import_module

    from engine.errors import EngineError

    module, function = COMMANDS[arguments.command][1].split(":")
    target = sys.modules["__main__"] if module == "run" else import_module(module)
    try:
        return int(getattr(target, function)(arguments))
    except EngineError as error:
        print(error.advice or error, file=sys.stderr)
        return 1


def run_checks(_arguments: argparse.Namespace) -> int:
    tools = {
        "格式": ["-m", "ruff", "format", "--check", "."],
        "规范": ["-m", "ruff", "check", "."],
        "类型": ["-m", "mypy", *SOURCES],
        "分层": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
    }
    failed = [
        name for name, words in tools.items() if subprocess.run([sys.executable, *words], cwd=str(ROOT)).returncode
    ]
    say("检查未通过：" + "、".join(failed) if failed else "检查全部通过：" + "、".join(tools))
    return 1 if failed else 0


def run_tests(arguments: argparse.Namespace) -> int:
    extra = {"BIHUAN_LONG": "1"} if arguments.long else {}
    words = ["-m", "pytest", "-n", "2", "--dist", "loadgroup", *arguments.rest]
    return subprocess.run([sys.executable, *words], cwd=str(ROOT), env={**os.environ, **extra}).returncode


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
