"""Warm pools: instances that were launched beforehand, and enter service first when a group grows.

    Warmed:Pending ──runs, hooks──▶ Warmed:Running, or stopped ▶ Warmed:Stopped ──the group grows──▶ Pending ▶ InService
                                          └──the pool shrinks──▶ Warmed:Terminating ▶ gone
Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
"""

from collections.abc import Callable

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.launches import Launches
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import Group, Member, WarmPool, shown
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported

_READY = ("Warmed:Stopped", "Warmed:Running")


class WarmPools:
    """The operations; `advance` and `fill` keep the pools, `take` gives an instance of one to its group."""

    def __init__(self, groups: Groups, launches: Launches, context: Context) -> None:
        self._groups = groups
        self._launches = launches
        self._ec2 = context.backends.ec2
        self._operations = context.backends.operations

    @operation("PutWarmPool", effect="instances are launched beforehand, and stopped unless they are to run")
    def _put(self, given: Members) -> Output:
        group = self._groups.named(given)
        known = group.warm_pool or WarmPool()
        state = given.get("PoolState", known.state)
        if state not in ("Stopped", "Running"):
            raise unsupported(f"warm pools that are {state}; Stopped and Running are")
        prepared = given.get("MaxGroupPreparedCapacity", known.prepared)
        if prepared < -1:
            raise invalid("MaxGroupPreparedCapacity must be -1 or more")
        reuse = given.get("InstanceReusePolicy", {"ReuseOnScaleIn": known.reuses})
        group.warm_pool = WarmPool(
            state=state,
            least=given.get("MinSize", known.least),
            prepared=prepared,
            reuses=bool(reuse.get("ReuseOnScaleIn")),
        )
        return {}

    @operation("DescribeWarmPool")
    def _describe(self, given: Members) -> Output:
        group = self._groups.named(given)
        if group.warm_pool is None:
            return {"Instances": []}
        found, token = listed([shown(each) for each in group.warm()], given)
        return {"WarmPoolConfiguration": group.warm_pool.output(), "Instances": found, "NextToken": token}

    @operation("DeleteWarmPool", effect="its instances are terminated, then it is gone")
    def _delete(self, given: Members) -> Output:
        group = self._groups.named(given)
        if group.warm_pool is None:
            raise invalid(f"No warm pool found for Auto Scaling group {group.name}")
        group.warm_pool.is_deleting = True
        return {}

    # --- what follows -------------------------------------------------------------------------------------------------

    def advance(self, group: Group, member: Member, gate: Callable[[], str], now: float) -> None:
        """Bring an instance of the pool as far as it can go now; `gate` says whether its launch hooks let it."""
        found = self._ec2.get_instance_by_id(member.instance)
        state = str(found.state) if found is not None else "terminated"
        if state in ("shutting-down", "terminated"):
            if state == "terminated":
                member.activity.end("Successful" if member.state == "Warmed:Terminating" else "Failed", now)
                del group.members[member.instance]
        elif member.state == "Warmed:Terminating":
            self._operations.call("ec2", "TerminateInstances", InstanceIds=[member.instance])
        elif member.state.startswith("Warmed:Pending"):
            self._warm(group, member, gate, state, now)

    def _warm(self, group: Group, member: Member, gate: Callable[[], str], state: str, now: float) -> None:
        wanted = group.warm_pool.state if group.warm_pool is not None else "Running"
        passed = gate() if state == "running" else "CONTINUE"
        if passed == "ABANDON":
            member.enter("Warmed:Terminating", now)
            self._operations.call("ec2", "TerminateInstances", InstanceIds=[member.instance])
        elif not passed:
            return
        elif state == "running" and wanted == "Stopped":
            self._operations.call("ec2", "StopInstances", InstanceIds=[member.instance])
        elif state == wanted.lower():
            member.enter(f"Warmed:{wanted}", now)
            member.activity.end("Successful", now)
            group.failures = 0

    def take(self, group: Group, zone: str, cause: str, now: float) -> bool:
        """Let an instance of the pool enter the group, one of that zone if there is one; whether there was any."""
        ready = [each for each in group.warm() if each.state in _READY and group.warm_pool is not None]
        if not ready:
            return False
        member = min(ready, key=lambda each: (each.zone != zone, each.since))
        text = f"Launching a new EC2 instance from warm pool: {member.instance}"
        member.activity = group.begin(text, cause, now)
        if member.state == "Warmed:Stopped":
            self._operations.call("ec2", "StartInstances", InstanceIds=[member.instance])
        member.enter("Pending", now)
        member.wait, member.hooks_done, member.launched = None, set(), now
        return True

    def fill(self, group: Group, now: float) -> None:
        """Launch what the pool lacks, and end what it has too many of."""
        pool, warm = group.warm_pool, [each for each in group.warm() if each.state != "Warmed:Terminating"]
        size = 0 if pool is None or pool.is_deleting or group.is_deleting else pool.size(group)
        for member in sorted(warm, key=lambda each: each.since)[size:] if len(warm) > size else ():
            cause = f"an instance was taken out of the warm pool, shrinking it from {len(warm)} to {size}."
            text = f"Terminating EC2 instance from warm pool: {member.instance}"
            member.activity, member.wait = group.begin(text, cause, now), None
            member.enter("Warmed:Terminating", now)
            self._operations.call("ec2", "TerminateInstances", InstanceIds=[member.instance])
        if pool is not None and pool.is_deleting and not group.warm():
            group.warm_pool = None
        for number in range(len(warm), size if group.does("Launch") else 0):
            if now < group.held_until:
                return
            cause = f"an instance was started to fill the warm pool, growing it from {number} to {number + 1}."
            zones = self._launches.places(group)
            zone = min(zones, key=lambda each: (sum(m.zone == each for m in group.warm()), each))
            self._launches.launch(group, zone, now, cause, state="Warmed:Pending")
