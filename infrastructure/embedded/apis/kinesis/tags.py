"""Tags of streams and consumers, and policies, which nobody asks. Source: API Reference, TagResource."""

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import FanOut, Stream
from infrastructure.embedded.gateway.operations import Members, Output, operation

MOST_TAGS = 50


class TagCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("AddTagsToStream", record="tags")
    def add(self, given: Members) -> None:
        _tag(self._registry.find(given), given["Tags"])

    @operation("RemoveTagsFromStream", record="tags")
    def remove(self, given: Members) -> None:
        _untag(self._registry.find(given), given["TagKeys"])

    @operation("ListTagsForStream")
    def list_of_stream(self, given: Members) -> Output:
        tags = self._registry.find(given).tags
        after, most = given.get("ExclusiveStartTagKey", ""), given.get("Limit", MOST_TAGS)
        keys = [key for key in sorted(tags) if key > after]
        return {
            "Tags": [{"Key": key, "Value": tags[key]} for key in keys[:most]],
            "HasMoreTags": len(keys) > most,
        }

    @operation("TagResource", record="tags")
    def tag(self, given: Members) -> None:
        _tag(self._registry.of_arn(given["ResourceARN"]), given["Tags"])

    @operation("UntagResource", record="tags")
    def untag(self, given: Members) -> None:
        _untag(self._registry.of_arn(given["ResourceARN"]), given["TagKeys"])

    @operation("ListTagsForResource")
    def list_of_resource(self, given: Members) -> Output:
        tags = self._registry.of_arn(given["ResourceARN"]).tags
        return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}

    @operation("PutResourcePolicy", record="no call is authorised by policies")
    def put_policy(self, given: Members) -> None:
        self._registry.of_arn(given["ResourceARN"]).policy = given["Policy"]

    @operation("GetResourcePolicy")
    def get_policy(self, given: Members) -> Output:
        return {"Policy": self._registry.of_arn(given["ResourceARN"]).policy or "{}"}

    @operation("DeleteResourcePolicy", record="no call is authorised by policies")
    def delete_policy(self, given: Members) -> None:
        found = self._registry.of_arn(given["ResourceARN"])
        if found.policy is None:
            raise refusals.absent(f"No resource policy found for resource ARN {given['ResourceARN']}.")
        found.policy = None


def _tag(of: Stream | FanOut, tags: dict[str, str]) -> None:
    if len({**of.tags, **tags}) > MOST_TAGS:
        raise refusals.invalid(f"Failed to add tags: a resource has at most {MOST_TAGS} tags.")
    of.tags.update(tags)


def _untag(of: Stream | FanOut, keys: list[str]) -> None:
    for key in keys:
        of.tags.pop(key, None)
