"""EKS calls on access entries: whom a cluster takes tokens of, and what they may do.

Source: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
"""

from infrastructure.embedded.apis.eks.clusters import Clusters, in_use, invalid, not_found
from infrastructure.embedded.apis.eks.record import POLICIES, AccessEntry, Shown, now
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported


class AccessCalls:
    """Answers from `clusters`."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    @operation("CreateAccessEntry", effect="the principal's tokens are taken, with these groups")
    def create_entry(self, given: Members) -> Output:
        cluster, principal = self.clusters.cluster(given["clusterName"]), given["principalArn"]
        if principal in cluster.entries:
            raise in_use("The specified access entry resource is already in use on this cluster.")
        groups = list(given.get("kubernetesGroups") or [])
        if any(each.startswith("system:") for each in groups):
            raise invalid("The kubernetes group name must not begin with system:")
        made = self.clusters.add_entry(cluster, principal)
        made.user, made.groups = given.get("username") or principal, groups
        made.kind, made.tags = given.get("type", "STANDARD"), dict(given.get("tags") or {})
        return {"accessEntry": made.shown()}

    @operation("DescribeAccessEntry")
    def describe_entry(self, given: Members) -> Output:
        return {"accessEntry": self._entry(given).shown()}

    @operation("ListAccessEntries")
    def list_entries(self, given: Members) -> Output:
        return {"accessEntries": list(self.clusters.cluster(given["clusterName"]).entries)}

    @operation("UpdateAccessEntry", effect="the principal's groups and name from now on")
    def update_entry(self, given: Members) -> Output:
        found = self._entry(given)
        if "kubernetesGroups" in given:
            found.groups = list(given["kubernetesGroups"])
        found.user = given.get("username") or found.user
        return {"accessEntry": found.shown()}

    @operation("DeleteAccessEntry", effect="the principal's tokens are refused")
    def delete_entry(self, given: Members) -> Output:
        found = self._entry(given)
        del self.clusters.all[found.cluster].entries[found.principal]
        return {}

    @operation("AssociateAccessPolicy", effect="the principal may do what the policy says, in the whole cluster")
    def associate_policy(self, given: Members) -> Output:
        found, policy = self._entry(given), given["policyArn"]
        if policy not in POLICIES:
            raise unsupported(f"the access policy {policy}; known: {', '.join(POLICIES)}")
        if given["accessScope"].get("type") == "namespace":
            raise unsupported("an access policy for some namespaces: bind a role to the entry's groups")
        found.policies[policy] = now()
        return {**_named(found), "associatedAccessPolicy": _policy(policy, found)}

    @operation("DisassociateAccessPolicy", effect="what the policy allowed is refused")
    def disassociate_policy(self, given: Members) -> Output:
        found = self._entry(given)
        if found.policies.pop(given["policyArn"], None) is None:
            raise not_found(f"No associated policy could be found for {given['policyArn']}")
        return {}

    @operation("ListAssociatedAccessPolicies")
    def list_policies(self, given: Members) -> Output:
        found = self._entry(given)
        return {**_named(found), "associatedAccessPolicies": [_policy(each, found) for each in found.policies]}

    def _entry(self, given: Members) -> AccessEntry:
        found = self.clusters.cluster(given["clusterName"]).entries.get(given["principalArn"])
        if found is None:
            raise not_found(
                "The specified principalArn could not be found. You can view your available access entries."
            )
        return found


def _policy(arn: str, entry: AccessEntry) -> Shown:
    times = dict.fromkeys(("associatedAt", "modifiedAt"), entry.policies[arn])
    return {"policyArn": arn, "accessScope": {"type": "cluster", "namespaces": []}, **times}


def _named(entry: AccessEntry) -> Shown:
    return {"clusterName": entry.cluster, "principalArn": entry.principal}
