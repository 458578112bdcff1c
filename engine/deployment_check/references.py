"""What activities name: people, forms, due dates, functions, decisions, processes, and how often they run."""

from __future__ import annotations

from datetime import date, datetime

from engine import deadlines
from engine.deployment_check import table
from engine.deployment_check.elements import (
    Check,
    Diagram,
    Element,
    Findings,
    children,
    condition_fault,
    constant,
    fault,
    is_event_sub_process,
    is_expression,
    is_repeated,
    kind,
    only,
    problem,
    text,
)
from engine.spiff.xml import camunda, name_of, properties
from forms import expressions


def _people(diagram: Diagram, task: Element) -> Findings:
    assignee, groups = camunda(task, "assignee"), camunda(task, "candidateGroups")
    if assignee and (groups or camunda(task, "candidateUsers")):
        yield problem(task, "同时写了 assignee 和候选人，候选人不起作用，请只留一种")
    if assignee and is_expression(assignee) and (reason := fault(assignee)):
        yield problem(task, f"办理人{reason}")
    for group in _listed(groups):
        yield from _group(diagram, task, group)


def _listed(written: str | None) -> list[str]:
    return [each.strip() for each in (written or "").split(",") if each.strip()]


def _group(diagram: Diagram, task: Element, group: str) -> Findings:
    known = diagram.known
    role, at, unit = group.partition("@")
    if group in known.rules or (group.startswith("user:") and group != "user:"):
        return
    if "{" in group or "}" in group:
        if not is_expression(group) or not group.endswith("}") or fault(group):
            yield problem(task, f"候选组“{group}”的表达式无法使用")
    elif role not in known.roles:
        yield problem(
            task, f"没有角色或规则“{role}”，没有人会收到这件待办；请用角色、角色@单位或 engine/assignment.py 里的规则"
        )
    elif at and known.units is not None and unit not in known.units:
        yield problem(task, f"没有单位“{unit}”，没有人会收到这件待办")


def _form(diagram: Diagram, task: Element) -> Findings:
    key = camunda(task, "formKey")
    if key is not None and key not in diagram.known.forms:
        yield problem(task, f"没有表单“{key}”，请在 forms/ 里补上或改正 camunda:formKey")


def _due(diagram: Diagram, task: Element) -> Findings:
    written = camunda(task, "dueDate")
    if not written:
        return
    if written.startswith("rule:"):
        yield from _due_rule(diagram, task, written)
    elif is_expression(written):
        if reason := fault(written):
            yield problem(task, f"期限{reason}")
    elif not _is_moment(written):
        yield problem(task, f"期限“{written}”须是 rule:规则名、${{变量}} 或日期（2021-03-12）")


def _due_rule(diagram: Diagram, task: Element, written: str) -> Findings:
    named = deadlines.WRITTEN.fullmatch(written)
    if named is None:
        yield problem(
            task, f"期限“{written}”须写成 rule:规则名、rule:规则名 from ${{变量}}，后面还可以写 until ${{变量}}"
        )
    elif named["name"] not in diagram.known.due_rules:
        yield problem(task, f"没有期限规则“{named['name']}”，请用“期限规则”页上列出的规则")
    else:
        if named["since"] is None and named["name"] in diagram.known.given_dates:
            yield problem(task, f"规则“{named['name']}”的日期逐件确定，请写 from ${{变量}} 指明日期在哪个变量里")
        for expression in (named["since"], named["until"]):
            if expression and (reason := fault(expression)):
                yield problem(task, f"期限{reason}")


def _is_moment(written: str) -> bool:
    try:
        datetime.fromisoformat(written) if "T" in written else date.fromisoformat(written)
    except ValueError:
        return False
    return True


def _four_eyes(diagram: Diagram, task: Element) -> Findings:
    written = properties(task).get("not_doer_of")
    if written is not None and not _listed(written):
        yield problem(task, "not_doer_of 是空的，请写出由谁办过的环节")
    for name in _listed(written):
        if name not in diagram.user_tasks:
            yield problem(task, f"not_doer_of 写的“{name}”不是用户任务的 id，请改正")


def _prefix(diagram: Diagram, task: Element) -> Findings:
    """What goes before the names of the variables that a task sets; without a form these are any."""
    prefix, form = properties(task).get("prefix"), camunda(task, "formKey")
    if prefix is None:
        return
    fields = diagram.known.forms.get(form, frozenset()) if form else {"name"}
    if not fields:
        yield problem(task, f"表单“{form}”里没有流程变量，prefix 不起作用，请删除")
    for name in sorted(fields):
        if not expressions.is_name(prefix + name):
            yield problem(task, f"加上 prefix 之后“{prefix + name}”不是可用的变量名")


def _correlation_key(diagram: Diagram, element: Element) -> Findings:
    key = properties(element).get("correlation_key")
    if key is not None and (reason := fault(key)):
        yield problem(element, f"关联键{reason}")


def _function(diagram: Diagram, task: Element) -> Findings:
    written = camunda(task, "delegateExpression")
    if written is None and kind(task) == "serviceTask":
        yield problem(task, "服务任务须用 camunda:delegateExpression 指明函数")
    elif written is not None:
        name = written.removeprefix("${").removesuffix("}").strip()
        if name not in diagram.known.functions:
            yield problem(task, f"没有自动任务函数“{name}”，请改正 camunda:delegateExpression 或在 TABLE 里补上")


def _script(diagram: Diagram, task: Element) -> Findings:
    try:
        if not expressions.assignments(text(only(task, "script"))):
            yield problem(task, "脚本任务没有写赋值，请逐行写“变量 = 表达式”")
    except expressions.ExpressionInvalid as error:
        yield problem(task, f"脚本只能逐行写“变量 = 表达式”：{error}")


def _decision(diagram: Diagram, task: Element) -> Findings:
    key, function = camunda(task, "decisionRef"), camunda(task, "delegateExpression")
    if key and function is not None:
        yield problem(task, "业务规则任务只能写 camunda:decisionRef 和 camunda:delegateExpression 之一")
    elif not key and function is None:
        yield problem(task, "业务规则任务须用 camunda:decisionRef 指明决策表")
    elif key and key not in diagram.known.decisions:
        yield problem(task, f"没有可用的决策表“{key}”")


def _call(diagram: Diagram, task: Element) -> Findings:
    called = task.get("calledElement", "")
    if not called:
        yield problem(task, "调用活动没有写调用哪个流程，请写 calledElement")
    elif "{" in called:
        yield problem(task, "调用的流程须直接写出，calledElement 不能是表达式")
    elif called not in diagram.processes:
        yield problem(task, f"调用的流程“{called}”不存在，请一起部署或改正 calledElement")
    elif not diagram.processes[called].starts_plainly:
        yield problem(task, f"调用的流程“{called}”只能由事件启动，请给它画一个不等事件的开始事件")
    else:
        yield from _recursion(diagram, task, called)
    if camunda(task, "calledElementBinding") not in (None, "latest", "deployment"):
        yield problem(task, "camunda:calledElementBinding 只能是 latest 或 deployment：总是用部署时最新的一版")


def _recursion(diagram: Diagram, task: Element, called: str) -> Findings:
    caller = next(outer.get("id", "") for outer in task.iterancestors() if kind(outer) == "process")
    path, seen = [[called]], {called}
    while path:
        way = path.pop()
        if way[-1] == caller:
            yield problem(task, f"流程不能直接或间接调用自己：{' → '.join([caller, *way])}")
            return
        calls = diagram.processes[way[-1]].calls if way[-1] in diagram.processes else frozenset()
        path += [[*way, each] for each in sorted(calls - seen)]
        seen |= calls


def _several(diagram: Diagram, many: Element) -> Findings:
    """Multi-instance: how many times, for each of what, and when it is enough."""
    number, collection = only(many, "loopCardinality"), _collection(many)
    if (number is not None) == bool(collection):
        yield problem(many, "多实例须写次数（loopCardinality）或集合（camunda:collection）之一，且只写一个")
    elif number is not None:
        yield from _cardinality(number)
    elif reason := fault(collection):
        yield problem(many, f"集合{reason}")
    if camunda(many, "collection") and children(many, "loopDataInputRef"):
        yield problem(many, "集合写了两次，请只留 camunda:collection")
    yield from _names(many, bool(collection))
    condition = only(many, "completionCondition")
    if condition is not None and (reason := condition_fault(text(condition))):
        yield problem(many, f"completionCondition：{reason}")


def _collection(many: Element) -> str:
    return camunda(many, "collection") or text(only(many, "loopDataInputRef"))


def _cardinality(number: Element) -> Findings:
    written, most = text(number), table.LIMITS["instances"]
    fixed, value = constant(written)
    if not written:
        yield problem(number, "多实例的次数是空的，请写一个数或表达式")
    elif reason := fault(written):
        yield problem(number, f"次数{reason}")
    elif fixed and not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most):
        yield problem(number, f"次数须是 0 到 {most} 的整数，现为“{written}”")


def _names(many: Element, has_collection: bool) -> Findings:
    """The variables of a multi-instance activity: the element each instance gets, the list of what they gave."""
    element = camunda(many, "elementVariable") or name_of(many, "inputDataItem")
    output, output_item = text(only(many, "loopDataOutputRef")), name_of(many, "outputDataItem")
    if has_collection and not element:
        yield problem(many, "多实例没有写元素变量，请用 camunda:elementVariable 指明")
    if bool(output) != bool(output_item):
        yield problem(many, "loopDataOutputRef 与 outputDataItem 须同时写明")
    for name in (element, output_item, output):
        if name and not expressions.is_name(name):
            yield problem(many, f"“{name}”不是可用的变量名")


def _again(diagram: Diagram, loop: Element) -> Findings:
    """The standard loop: until when, and at most how often."""
    most, condition = loop.get("loopMaximum"), only(loop, "loopCondition")
    if most is None and condition is None:
        yield problem(loop, "循环须写 loopCondition 或 loopMaximum")
    if most is not None and not (most.isascii() and most.isdigit() and 1 <= int(most) <= table.LIMITS["instances"]):
        yield problem(loop, f"loopMaximum 须是 1 到 {table.LIMITS['instances']} 的整数，现为“{most}”")
    if condition is None:
        return
    if reason := condition_fault(text(condition)):
        yield problem(loop, f"loopCondition：{reason}")
    elif most is None and constant(text(condition)) == (True, True):
        yield problem(loop, "loopCondition 永远成立，循环不会结束，请写 loopMaximum 或改条件")


def _repeated(diagram: Diagram, activity: Element) -> Findings:
    markers = children(activity, "multiInstanceLoopCharacteristics", "standardLoopCharacteristics")
    if len(markers) > 1:
        yield problem(activity, "只能有一种循环标记，请只留多实例或标准循环")
    if is_event_sub_process(activity) and is_repeated(activity):
        yield problem(activity, "事件子流程不能循环，请删除循环标记")


_OF_KIND: dict[str, tuple[Check, ...]] = {
    "userTask": (_people, _form, _due, _four_eyes, _prefix),
    "serviceTask": (_function,),
    "sendTask": (_function,),
    "scriptTask": (_script,),
    "businessRuleTask": (_decision, _function),
    "callActivity": (_call,),
}

CHECKS: dict[str, tuple[Check, ...]] = {
    **{activity: (*_OF_KIND.get(activity, ()), _repeated) for activity in table.ACTIVITIES},
    **dict.fromkeys(table.EVENTS, (_correlation_key,)),
    "sendTask": (_function, _correlation_key, _repeated),
    "receiveTask": (_correlation_key, _repeated),
    "multiInstanceLoopCharacteristics": (_several,),
    "standardLoopCharacteristics": (_again,),
}
"""Element → what is looked at. Who reads it aloud: a user task has people, a form, a due date, …"""
