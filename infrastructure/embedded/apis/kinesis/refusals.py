"""What Kinesis says when it refuses. Source: API Reference, the errors of each operation; the texts are AWS's own."""

from infrastructure.embedded.gateway.refused import Refused

EXCEEDED = "ProvisionedThroughputExceededException"


def invalid(message: str) -> Refused:
    """An argument that makes no sense, here or at all."""
    return Refused("InvalidArgumentException", message)


def in_use(message: str) -> Refused:
    """What is there already, or is being changed."""
    return Refused("ResourceInUseException", message)


def absent(message: str) -> Refused:
    """What is not there."""
    return Refused("ResourceNotFoundException", message)


def limit(message: str) -> Refused:
    """More than an account, a stream or a day may have."""
    return Refused("LimitExceededException", message)


def no_stream(name: str, account: str) -> Refused:
    """A stream that is not there."""
    return absent(f"Stream {name} under account {account} not found.")


def no_consumer(name: str, account: str) -> Refused:
    """A consumer that is not there."""
    return absent(f"Consumer {name}, account {account} not found.")


def exceeded(shard: str, stream: str, account: str) -> Refused:
    """More than a shard takes or gives in a second."""
    return Refused(EXCEEDED, f"Rate exceeded for shard {shard} in stream {stream} under account {account}.")
