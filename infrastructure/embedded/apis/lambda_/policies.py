"""Records that nothing follows from: resource-based policies and tags."""

import json
from collections.abc import Callable
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import Output, Parameters, conflict, not_found
from infrastructure.embedded.apis.lambda_.record import Function, Records
from infrastructure.embedded.gateway.operations import operation


class LambdaPolicies:
    """Keeps permissions and tags in the functions' records; `mapping_tags` has those of event source mappings."""

    def __init__(self, records: Records, mapping_tags: Callable[[str], dict[str, str]]) -> None:
        self._records = records
        self._mapping_tags = mapping_tags

    @operation("AddPermission", record="no call is authorised by policies")
    def _add(self, given: Parameters) -> Output:
        function, qualifier = self._found(given)
        key = (qualifier, str(given["StatementId"]))
        if key in function.statements:
            raise conflict(f"The statement id ({key[1]}) provided already exists. Please provide a new statement id.")
        statement = function.statements[key] = _statement(function, qualifier, given)
        return {"Statement": json.dumps(statement)}

    @operation("RemovePermission", record="no call is authorised by policies")
    def _remove(self, given: Parameters) -> Output:
        function, qualifier = self._found(given)
        if function.statements.pop((qualifier, str(given["StatementId"])), None) is None:
            raise not_found(f"Statement {given['StatementId']} is not found in resource policy.")
        return {}

    @operation("GetPolicy")
    def _get(self, given: Parameters) -> Output:
        function, qualifier = self._found(given)
        statements = [each for (where, _), each in function.statements.items() if where == qualifier]
        if not statements:
            raise not_found("The resource you requested does not exist.")
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return {"Policy": json.dumps(policy), "RevisionId": function.latest.revision_id}

    @operation("ListTags")
    def _tags(self, given: Parameters) -> Output:
        return {"Tags": dict(self._tagged(given))}

    @operation("TagResource", record="tags")
    def _tag(self, given: Parameters) -> Output:
        self._tagged(given).update(given["Tags"])
        return {}

    @operation("UntagResource", record="tags")
    def _untag(self, given: Parameters) -> Output:
        tags = self._tagged(given)
        for key in given["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tagged(self, given: Parameters) -> dict[str, str]:
        """The tags of a function or an event source mapping."""
        _, mapping, identifier = str(given["Resource"]).partition(":event-source-mapping:")
        return self._mapping_tags(identifier) if mapping else self._records.function(given["Resource"]).tags

    def _found(self, given: Parameters) -> tuple[Function, str]:
        _, qualifier = self._records.split(given["FunctionName"], given.get("Qualifier", ""))
        configuration = self._records.configuration(given["FunctionName"], given.get("Qualifier", ""))
        return self._records.functions[configuration.name], qualifier


def _statement(function: Function, qualifier: str, given: Parameters) -> dict[str, Any]:
    principal = str(given["Principal"])
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    conditions = {
        "ArnLike": {"AWS:SourceArn": given["SourceArn"]} if given.get("SourceArn") else None,
        "StringEquals": {"AWS:SourceAccount": given["SourceAccount"]} if given.get("SourceAccount") else None,
    }
    found = {name: condition for name, condition in conditions.items() if condition}
    return {
        "Sid": str(given["StatementId"]),
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {kind: principal},
        "Action": str(given["Action"]),
        "Resource": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        **({"Condition": found} if found else {}),
    }
