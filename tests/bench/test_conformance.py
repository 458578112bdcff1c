"""The conformance harness tells right from wrong: a small suite of our own, in the shape of the public one."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import betsy, trials

HARNESS = Path(__file__).resolve().parents[2] / "bench/conformance.py"

SOURCE = """
class BasicProcesses {
    // BPMNProcessBuilder.buildBasicProcess("Retired", "", new BPMNTestCaseBuilder().assertTask1());
    Test A = BPMNProcessBuilder.buildBasicProcess("Patient", "waits; see http://example.org",
            new Feature(X, "Patient"), new BPMNTestCaseBuilder().assertTask1().optionDelay(6000));
    Test B = BPMNProcessBuilder.buildBasicProcess("Mistaken", "(expects too much)",
            new Feature(X, "Mistaken"), new BPMNTestCaseBuilder().assertTask1(),
            new BPMNTestCaseBuilder().assertTask1().assertTask2());
    Test C = BPMNProcessBuilder.buildBasicProcess("Idle", "nobody does the user task",
            new Feature(X, "Idle"), new BPMNTestCaseBuilder().assertTask1());
    Test D = BPMNProcessBuilder.buildErrorProcess("Foreign", "an element nobody knows",
            new Feature(X, "Foreign"), new BPMNTestCaseBuilder().assertTask1());
    Test E = BPMNProcessBuilder.buildErrorProcess("Broken", "a script that fails",
            new Feature(X, "Broken"), new BPMNTestCaseBuilder().assertTask1(),
            new BPMNTestCaseBuilder().inputA().setIntegerVariable(3).assertGenericError());
}
"""
FIRST = '<scriptTask id="first"><script>SCRIPT_task1</script></scriptTask>'
STEPS = {
    "basics/Patient": (
        '<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>PT5S</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>",
        FIRST,
    ),
    "basics/Mistaken": (FIRST,),
    "basics/Idle": ('<userTask id="sign" />', FIRST),
    "errors/Foreign": ('<complexGateway id="riddle" />', FIRST),
    "errors/Broken": ('<scriptTask id="fall"><script>THROW_ERROR</script></scriptTask>', FIRST),
    "bpmn_constraints/EXT999/EXT999_1_Fail": (FIRST,),
    "bpmn_constraints/EXT998/EXT998_1_Fail": (FIRST, FIRST),
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    source = tmp_path / betsy.DEFINITIONS / "BasicProcesses.java"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE, "utf-8")
    for path, steps in STEPS.items():
        file = tmp_path / betsy.DIAGRAMS / f"{path}.bpmn"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_straight(file.stem, steps), "utf-8")
    return tmp_path


def test_every_kind_of_failing_is_found_and_named(suite: Path) -> None:
    done = _run(str(suite), "--json")
    told = json.loads(done.stdout)
    found = {(each["test"], each["case"]): each["verdict"] for each in told["outcomes"]}
    assert found == {
        ("Patient", 1): "passed", ("Mistaken", 1): "passed", ("Mistaken", 2): "wrong", ("Idle", 1): "stuck",
        ("Foreign", 1): "refused", ("Broken", 1): "failed", ("Broken", 2): "passed",
    }  # fmt: skip
    standing = next(each["standing"] for each in told["outcomes"] if each["test"] == "Idle")
    assert standing == ["sign (userTask)"]
    assert told["tests"]["passed"] == 1
    assert (told["forbidden"]["refused"], told["forbidden"]["accepted_dangerous"]) == (1, 1)
    assert (done.returncode, told["met"]) == (1, False)


def test_a_person_reads_what_was_expected_and_what_came(suite: Path) -> None:
    done = _run(str(suite), "--only", "Mistaken")
    assert "错而不报：basics/Mistaken，用例 2\n  应为 SCRIPT_task1 SCRIPT_task2\n  实为 SCRIPT_task1\n" in done.stdout
    assert done.returncode == 1


def test_what_a_case_feeds_in_comes_from_the_suite(suite: Path) -> None:
    broken = next(test for test in betsy.tests(suite) if test.name == "Broken")
    assert broken.cases[1].variables == {"test": "a", "integerVariable": 3}


def test_the_goal_is_met_only_without_a_single_silent_mistake() -> None:
    good, bad = (trials.Outcome("basics", name, 1, name, (), (), (), ()) for name in ("passed", "wrong"))
    danger = trials.Forbidden("EXT999.bpmn", refused=False, excuse="", said=())
    assert trials.summarise([good], [], goal=1)["met"]
    assert not trials.summarise([good], [], goal=2)["met"]
    assert not trials.summarise([good, bad], [], goal=1)["met"]
    assert not trials.summarise([good], [danger], goal=1)["met"]


def test_without_the_suite_it_says_so(tmp_path: Path) -> None:
    done = _run(str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "没有 betsy 测试套件" in done.stderr


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(HARNESS), *words], capture_output=True, text=True, check=False)


def _straight(key: str, steps: tuple[str, ...]) -> str:
    """A process of these steps one after the other."""
    ids = ["start", *(step.split('"')[1] for step in steps), "end"]
    flows = "".join(
        f'<sequenceFlow id="flow{n}" sourceRef="{source}" targetRef="{target}" />'
        for n, (source, target) in enumerate(itertools.pairwise(ids))
    )
    return (
        f'<definitions xmlns="{betsy.BPMN}" id="suite" targetNamespace="http://example.org/suite">'
        f'<process id="{key}" isExecutable="true"><startEvent id="start" />{"".join(steps)}<endEvent id="end" />'
        f"{flows}</process></definitions>"
    )
