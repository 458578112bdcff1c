"""What the engine runs, as tables one can read aloud: elements, their places, their attributes, limits. The rest is refused."""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LIMITS = {"nodes": 500, "flows": 2_000, "branches": 50, "nesting": 10, "instances": 1_000, "id": 100}
"""Per process: nodes, flows; per node: flows in or out; sub-processes in one another; instances of one activity; length
of an id. A file has at most 2 MB (`spiff.xml`), an expression 2,000 characters and 200 parts (`forms.expressions`)."""

TASKS = _words("task userTask manualTask serviceTask scriptTask receiveTask sendTask businessRuleTask")
SUB_PROCESSES = _words("subProcess transaction")
ACTIVITIES = TASKS | SUB_PROCESSES | {"callActivity"}
GATEWAYS = _words("exclusiveGateway parallelGateway inclusiveGateway eventBasedGateway")
EVENTS = _words("startEvent intermediateCatchEvent intermediateThrowEvent boundaryEvent endEvent")
FLOW_NODES = ACTIVITIES | GATEWAYS | EVENTS

NAMED = FLOW_NODES | _words("sequenceFlow process lane participant message signal error escalation")
"""What a finding names as its place; a fault further inside is told of the nearest of these."""

KINDS = {
    "none": "空", "message": "消息", "signal": "信号", "timer": "定时", "error": "错误", "escalation": "升级",
    "conditional": "条件", "link": "链接", "cancel": "取消", "terminate": "终止", "compensate": "补偿",
}  # fmt: skip
"""Kind of an event definition → the word for it."""


@dataclass(frozen=True)
class Place:
    """Where an event stands, and what it may be there."""

    name: str
    kinds: frozenset[str]
    together: frozenset[str] = frozenset()
    """Which kinds may be combined in one event."""


PLACES = {
    "start": Place("流程的开始事件", _words("none message signal timer"), _words("message signal timer")),
    "start of a sub-process": Place("子流程的开始事件", _words("none")),
    "start of an event sub-process": Place(
        "事件子流程的开始事件", _words("message signal timer error escalation conditional")
    ),
    "catch": Place(
        "中间捕获事件", _words("message signal timer conditional link"), _words("message signal timer conditional")
    ),
    "throw": Place(
        "中间抛出事件", _words("none message signal escalation link"), _words("message signal escalation")
    ),
    "boundary": Place(
        "边界事件", _words("timer message signal error escalation conditional cancel"),
        _words("timer message signal error escalation conditional"),
    ),
    "end": Place(
        "结束事件", _words("none terminate message signal error escalation cancel"),
        _words("message signal escalation"),
    ),
}  # fmt: skip
"""An event that catches waits for any of its kinds, one that throws throws all of them."""

ALWAYS_INTERRUPT = _words("error cancel")

DEFINITIONS = frozenset(f"{kind}EventDefinition" for kind in KINDS if kind not in ("none", "compensate"))

HARMLESS = _words(
    "documentation textAnnotation association group category categoryValueRef itemDefinition interface messageFlow "
    "dataObject dataObjectReference dataStore dataStoreReference property ioSpecification dataInput dataOutput "
    "inputSet outputSet auditing monitoring participantMultiplicity interfaceRef operationRef"
)
"""Drawn or declared, but nothing follows from it here: a variable belongs to the whole instance and is known by its name."""

_DATA = "dataInputAssociation dataOutputAssociation "
_ACTIVITY = _DATA + "incoming outgoing multiInstanceLoopCharacteristics standardLoopCharacteristics"
_SCOPE = _words("sequenceFlow laneSet") | FLOW_NODES
_EVENT = _words(_DATA + "incoming outgoing eventDefinitionRef") | DEFINITIONS

INSIDE = {
    "definitions": _words("process collaboration message signal error escalation") | DEFINITIONS,
    "collaboration": _words("participant"),
    "process": _SCOPE,
    "laneSet": _words("lane"),
    "lane": _words("flowNodeRef childLaneSet"),
    "childLaneSet": _words("lane"),
    **dict.fromkeys(TASKS | {"callActivity"}, _words(_ACTIVITY)),
    **dict.fromkeys(SUB_PROCESSES, _words(_ACTIVITY) | _SCOPE),
    **dict.fromkeys(GATEWAYS, _words("incoming outgoing")),
    **dict.fromkeys(EVENTS, _EVENT),
    "scriptTask": _words(_ACTIVITY + " script"),
    "sequenceFlow": _words("conditionExpression"),
    "timerEventDefinition": _words("timeDate timeDuration timeCycle"),
    "conditionalEventDefinition": _words("condition"),
    "linkEventDefinition": _words("source target"),
    "multiInstanceLoopCharacteristics": _words(
        "loopCardinality completionCondition loopDataInputRef inputDataItem loopDataOutputRef outputDataItem"
    ),
    "standardLoopCharacteristics": _words("loopCondition"),
    "dataInputAssociation": _words("sourceRef targetRef"),
    "dataOutputAssociation": _words("sourceRef targetRef"),
}
"""Element → what may stand in it, besides what is harmless anywhere. An element that is not named may hold text only."""

ONCE = _words(
    "script conditionExpression condition loopCondition loopCardinality completionCondition loopDataInputRef inputDataItem "
    "loopDataOutputRef outputDataItem"
)
"""Of these only the first would be read."""

NOT_HARMLESS_IN = {"process": _words("ioSpecification"), "callActivity": _words("ioSpecification")}
"""What would be a filter there: a called process shares all variables with its caller."""

EXPRESSIONS = _words(
    "conditionExpression condition loopCondition loopCardinality completionCondition timeDate timeDuration timeCycle"
)

_OF_ACTIVITIES = "default startQuantity completionQuantity isForCompensation "
_OF_CATCHES = "parallelMultiple "

ATTRIBUTES = {
    "definitions": _words("targetNamespace expressionLanguage typeLanguage exporter exporterVersion"),
    "collaboration": _words("isClosed"),
    "participant": _words("processRef"),
    "process": _words("isExecutable isClosed processType definitionalCollaborationRef"),
    **dict.fromkeys(ACTIVITIES, _words(_OF_ACTIVITIES)),
    "userTask": _words(_OF_ACTIVITIES + "implementation"),
    "serviceTask": _words(_OF_ACTIVITIES + "implementation operationRef"),
    "businessRuleTask": _words(_OF_ACTIVITIES + "implementation"),
    "scriptTask": _words(_OF_ACTIVITIES + "scriptFormat"),
    "sendTask": _words(_OF_ACTIVITIES + "implementation operationRef messageRef"),
    "receiveTask": _words(_OF_ACTIVITIES + "implementation operationRef messageRef instantiate"),
    "callActivity": _words(_OF_ACTIVITIES + "calledElement"),
    "subProcess": _words(_OF_ACTIVITIES + "triggeredByEvent"),
    "transaction": _words(_OF_ACTIVITIES + "triggeredByEvent method"),
    "exclusiveGateway": _words("gatewayDirection default"),
    "inclusiveGateway": _words("gatewayDirection default"),
    "parallelGateway": _words("gatewayDirection"),
    "eventBasedGateway": _words("gatewayDirection instantiate eventGatewayType"),
    "startEvent": _words(_OF_CATCHES + "isInterrupting"),
    "intermediateCatchEvent": _words(_OF_CATCHES),
    "boundaryEvent": _words(_OF_CATCHES + "attachedToRef cancelActivity"),
    "sequenceFlow": _words("sourceRef targetRef isImmediate"),
    "lane": _words("partitionElementRef"),
    "message": _words("itemRef"),
    "signal": _words("structureRef"),
    "error": _words("errorCode structureRef"),
    "escalation": _words("escalationCode structureRef"),
    "messageEventDefinition": _words("messageRef operationRef"),
    "signalEventDefinition": _words("signalRef"),
    "errorEventDefinition": _words("errorRef"),
    "escalationEventDefinition": _words("escalationRef"),
    "multiInstanceLoopCharacteristics": _words("isSequential behavior noneBehaviorEventRef oneBehaviorEventRef"),
    "standardLoopCharacteristics": _words("testBefore loopMaximum"),
    **dict.fromkeys(("inputDataItem", "outputDataItem"), _words("itemSubjectRef isCollection")),
    **dict.fromkeys(EXPRESSIONS, _words("language evaluatesToTypeRef")),
}
"""Element → BPMN's own attributes that are read or harmless, besides `id` and `name`."""

VALUES = {
    **dict.fromkeys(
        _words("isExecutable triggeredByEvent parallelMultiple isInterrupting cancelActivity isSequential testBefore"),
        (_words("true false"), "只能写 true 或 false"),
    ),
    "isForCompensation": (_words("false"), "不支持补偿，请用普通环节画出如何撤回"),
    "startQuantity": (_words("1"), "不支持 1 以外的令牌数，请删除"),
    "completionQuantity": (_words("1"), "不支持 1 以外的令牌数，请删除"),
    "instantiate": (_words("false"), "不能由它启动流程，请改用消息开始事件"),
    "eventGatewayType": (_words("Exclusive"), "事件网关只能等最先到的一个，请删除"),
    "behavior": (_words("All"), "多实例只支持 All，请改用 completionCondition"),
    "method": (_words("##Compensate"), "不支持，请删除"),
    "gatewayDirection": (_words("Unspecified Converging Diverging Mixed"), "不是网关方向"),
    "language": (_words("juel"), "条件和时间只能用本系统的表达式语言，请删除 language"),
    "scriptFormat": (_words("assignments"), "脚本只能逐行写“变量 = 表达式”，请把 scriptFormat 改为 assignments 或删除"),
}
"""Attribute → its possible values, and what to say of others."""

CAMUNDA_ATTRIBUTES = {
    "userTask": _words("formKey assignee candidateGroups candidateUsers dueDate"),
    "serviceTask": _words("delegateExpression"),
    "sendTask": _words("delegateExpression"),
    "businessRuleTask": _words("decisionRef decisionRefBinding resultVariable mapDecisionResult delegateExpression"),
    "callActivity": _words("calledElementBinding"),
    "multiInstanceLoopCharacteristics": _words("collection elementVariable"),
}
"""Element → Camunda's attributes that are read."""

HARMLESS_CAMUNDA = _words(
    "asyncBefore asyncAfter exclusive jobPriority priority followUpDate historyTimeToLive isStartableInTasklist "
    "versionTag failedJobRetryTimeCycle taskPriority modelerTemplate modelerTemplateVersion diagramRelationId"
)
"""Camunda's attributes and elements that tell its job executor and its own pages something, and a process nothing."""

PROPERTIES = {
    "not_doer_of": _words("userTask"),
    "independent": _words("userTask"),
    "prefix": _words("userTask"),
    "correlation_key": _words(
        "startEvent intermediateCatchEvent intermediateThrowEvent boundaryEvent endEvent sendTask receiveTask"
    ),
}
"""Our own `camunda:property` → where it means something. Any other would look like a rule and be none."""

HARMLESS_NAMESPACES = {
    "http://www.omg.org/spec/BPMN/20100524/DI": "bpmndi",
    "http://www.omg.org/spec/DD/20100524/DC": "dc",
    "http://www.omg.org/spec/DD/20100524/DI": "di",
    "http://www.omg.org/spec/BPMN/non-normative/color/1.0": "color",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://bpmn.io/schema/bpmn/biocolor/1.0": "bioc",
    "http://camunda.org/schema/modeler/1.0": "modeler",
    "http://bpmn.sourceforge.net": "yaoqiang",
    "http://www.signavio.com": "signavio",
}
"""Pictures, colours and what drawing tools note for themselves."""

REASONS = {
    "complexGateway": "不支持复杂网关，请改用包容网关或并行网关",
    "adHocSubProcess": "不支持自由子流程（ad-hoc），请画出先后顺序",
    "compensateEventDefinition": "不支持补偿事件，请用普通环节画出如何撤回",
    "complexBehaviorDefinition": "不支持多实例的复杂行为，请改用 completionCondition",
    "implicitThrowEvent": "不支持，请改用中间抛出事件",
    "choreographyTask": "不支持编排，请画成流程",
    **dict.fromkeys(
        ("correlationSubscription", "correlationKey", "correlationProperty"),
        "消息的关联键请写成事件的属性 correlation_key",
    ),
    "ioSpecification": "调用时全部变量都会传入和传出，请删除 ioSpecification",
    "transformation": "数据关联不会转换数据，请改用脚本任务赋值",
    "assignment": "数据关联不会赋值，请改用脚本任务赋值",
    "import": "不会读取其他文件，请把所用的元素画在本文件里",
    "extension": "不认识的扩展，请删除",
    **dict.fromkeys(
        ("globalTask", "globalUserTask", "globalManualTask", "globalScriptTask", "globalBusinessRuleTask"),
        "不支持全局任务，请改为调用一个流程",
    ),
    **dict.fromkeys(
        ("performer", "humanPerformer", "potentialOwner", "resourceRole"),
        "办理人请用 camunda:candidateGroups 或 camunda:assignee 写明",
    ),
}
"""Refused element → what to do instead."""

CAMUNDA_REASONS = {
    "inputOutput": "不支持输入输出映射，变量在整个流程里直接可用，请删除",
    "in": "调用时全部变量都会传入，请删除映射",
    "out": "调用时全部变量都会传出，请删除映射",
    **dict.fromkeys(("executionListener", "taskListener"), "不支持监听器，请改画成服务任务"),
    "connector": "不支持连接器，请改用 camunda:delegateExpression 指明函数",
    "field": "不支持字段注入，函数从变量取值",
    **dict.fromkeys(("formData", "formField"), "不支持内嵌表单，请在 forms/ 里定义表单并用 camunda:formKey 指明"),
    "formRef": "请改用 camunda:formKey",
    "errorEventDefinition": "不支持，请画成错误边界事件",
    **dict.fromkeys(("class", "expression", "type", "topic"), "请改用 camunda:delegateExpression 指明函数"),
    "resource": "请把内容直接写在图里",
    "initiator": "不会设置发起人变量；没有写办理人的待办归发起人",
}
"""Camunda's attribute or element that is not honoured → what to do instead."""
