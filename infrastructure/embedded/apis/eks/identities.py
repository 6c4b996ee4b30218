"""EKS calls on Pod Identity: which role the pods of a service account run in.

Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
"""

from infrastructure.embedded.apis.eks.clusters import Clusters, in_use, not_found, unique
from infrastructure.embedded.apis.eks.record import Association, now
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported


class IdentityCalls:
    """Answers from `clusters`."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    @operation("CreatePodIdentityAssociation", effect="pods that start from now on have the role's keys")
    def create(self, given: Members) -> Output:
        cluster = self.clusters.active(given["clusterName"])
        namespace, account = given["namespace"], given["serviceAccount"]
        if cluster.association(namespace, account) is not None:
            raise in_use(
                f"Association already exists: {cluster.name}, {namespace}, {account}; a service account has one"
            )
        _refuse_chained(given)
        self.clusters.require_role(given["roleArn"])
        identity = unique("a-")
        made = Association(
            id=identity,
            arn=f"{self.clusters.arn('podidentityassociation', cluster.name)}/{identity}",
            cluster=cluster.name,
            namespace=namespace,
            account=account,
            role=given["roleArn"],
            has_session_tags=not given.get("disableSessionTags", False),
            tags=dict(given.get("tags") or {}),
        )
        cluster.associations[identity] = made
        return {"association": made.shown()}

    @operation("DescribePodIdentityAssociation")
    def describe(self, given: Members) -> Output:
        return {"association": self._found(given).shown()}

    @operation("ListPodIdentityAssociations")
    def list(self, given: Members) -> Output:
        wanted = {key: given[key] for key in ("namespace", "serviceAccount") if given.get(key)}
        shown = [each.shown() for each in self.clusters.cluster(given["clusterName"]).associations.values()]
        names = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")
        found = [each for each in shown if wanted.items() <= each.items()]
        return {"associations": [{name: each[name] for name in names} for each in found]}

    @operation("UpdatePodIdentityAssociation", effect="pods that start from now on have the other role's keys")
    def update(self, given: Members) -> Output:
        found = self._found(given)
        _refuse_chained(given)
        if given.get("roleArn"):
            self.clusters.require_role(given["roleArn"])
            found.role = given["roleArn"]
        found.has_session_tags = not given.get("disableSessionTags", not found.has_session_tags)
        found.modified_at = now()
        return {"association": found.shown()}

    @operation("DeletePodIdentityAssociation", effect="pods that start from now on have their node's role")
    def delete(self, given: Members) -> Output:
        found = self._found(given)
        del self.clusters.all[found.cluster].associations[found.id]
        return {"association": found.shown()}

    def _found(self, given: Members) -> Association:
        name, identity = given["clusterName"], given["associationId"]
        found = self.clusters.cluster(name).associations.get(identity)
        if found is None:
            raise not_found(f"Pod identity association not found for cluster {name} and association id {identity}")
        return found


def _refuse_chained(given: Members) -> None:
    for each in ("targetRoleArn", "policy"):
        if given.get(each):
            raise unsupported(f"a pod identity association with {each}")
