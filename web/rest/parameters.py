"""The query parameters of Camunda 7's resources that we offer, so that one we do not know is refused and not overlooked."""

from __future__ import annotations

NAMES = """
    active activeActivityIdIn activityId activityIdIn activityInstanceId activityInstanceIdIn activityName
    activityType after assigned assignee assigneeExpression assigneeIn assigneeLike assigneeLikeExpression
    assigneeNotIn before businessKey businessKeyLike canceled candidateGroup candidateGroupExpression
    candidateGroups candidateGroupsExpression candidateUser candidateUserExpression cascade caseDefinitionId
    caseDefinitionKey caseDefinitionName caseDefinitionNameLike caseExecutionId caseInstanceBusinessKey
    caseInstanceBusinessKeyLike caseInstanceId caseInstanceVariables category categoryLike causeIncidentId
    completeScope completed configuration createTimes createdAfter createdAfterExpression createdBefore
    createdBeforeExpression createdOn createdOnExpression delegationState deployedAfter deployedAt deploymentId
    description descriptionLike deserializeValue deserializeValues dueAfter dueAfterExpression dueBefore
    dueBeforeExpression dueDate dueDateExpression dueDates eventName eventSubscriptionId eventType
    exceptionMessage executable executedActivityAfter executedActivityBefore executedActivityIdIn executedJobAfter
    executedJobBefore executionId externallyTerminated failIfNotExists failedActivityId finished finishedAfter
    finishedBefore firstResult followUpAfter followUpAfterExpression followUpBefore followUpBeforeExpression
    followUpBeforeOrNotExistent followUpBeforeOrNotExistentExpression followUpDate followUpDateExpression id
    incidentId incidentMessage incidentMessageLike incidentStatus incidentTimestampAfter incidentTimestampBefore
    incidentType includeAssignedTasks includeDeploymentsWithoutTenantId includeEventSubscriptionsWithoutTenantId
    includeJobsWithoutTenantId includeProcessDefinitionsWithoutTenantId internallyTerminated involvedUser
    involvedUserExpression jobDefinitionId jobDefinitionIdIn jobId jobIds key keyLike keysIn latestVersion
    leafProcessInstances maxPriority maxResults messages minPriority name nameLike nameNotEqual nameNotLike
    noRetriesLeft notStartableInTasklist owner ownerExpression parentTaskId priority priorityHigherThanOrEquals
    priorityLowerThanOrEquals processDefinitionId processDefinitionIdIn processDefinitionKey
    processDefinitionKeyIn processDefinitionKeyNotIn processDefinitionName processDefinitionNameLike
    processDefinitionWithoutTenantId processFinished processInstanceBusinessKey
    processInstanceBusinessKeyExpression processInstanceBusinessKeyIn processInstanceBusinessKeyLike
    processInstanceBusinessKeyLikeExpression processInstanceId processInstanceIdIn processInstanceIds
    processUnfinished processVariables resourceName resourceNameLike rootCauseIncidentId rootProcessInstances
    skipCustomListeners skipIoMappings skipSubprocesses sortBy sortOrder source startableBy startableInTasklist
    startablePermissionCheck startedAfter startedBefore startedBy subCaseInstance subCaseInstanceId
    subProcessInstance subProcessInstanceId superCaseInstance superCaseInstanceId superProcessInstance
    superProcessInstanceId suspended taskAssignee taskAssigneeLike taskDefinitionKey taskDefinitionKeyIn
    taskDefinitionKeyLike taskDeleteReason taskDeleteReasonLike taskDescription taskDescriptionLike taskDueDate
    taskDueDateAfter taskDueDateBefore taskFollowUpDate taskFollowUpDateAfter taskFollowUpDateBefore
    taskHadCandidateGroup taskHadCandidateUser taskId taskIdIn taskInvolvedGroup taskInvolvedUser taskName
    taskNameLike taskOwner taskOwnerLike taskParentTaskId taskPriority taskVariables tenantIdIn timers unassigned
    unfinished updatedAfter updatedAfterExpression variableNames variableNamesIgnoreCase variableValuesIgnoreCase
    variables version versionTag versionTagLike withCandidateGroups withCandidateUsers withException withIncident
    withIncidents withRetriesLeft withRootIncidents withoutCandidateGroups withoutCandidateUsers withoutDueDate
    withoutSource withoutTaskDueDate withoutTenantId withoutVersionTag
"""

CAMUNDAS = frozenset(NAMES.split())
