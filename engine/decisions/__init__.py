"""Decision tables (DMN): a file becomes `Decision` objects, which decide; everything they would not do right is refused."""

from engine.decisions.reader import is_dmn, parse
from engine.decisions.results import mapped
from engine.decisions.table import Decision, DecisionFailed, Result
from engine.decisions.tasks import BusinessRuleTask, business_rule_tasks
