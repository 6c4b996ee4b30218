"""SQS's answers where moto's leave something out.

Adds to `moto.sqs.responses.SQSResponse` (moto 5.2): `receive_message` does not tell where a dead letter comes from,
and `send_message_batch` refuses all entries for what is wrong with one.
Source: API Reference, ReceiveMessage, SendMessageBatch.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.sqs.responses import SQSResponse

from infrastructure.embedded.apis.sqs.rules import check_message
from infrastructure.embedded.gateway.refused import Refused

SOURCE = "DeadLetterQueueSourceArn"
_receive_message = SQSResponse.receive_message
_send_message_batch = SQSResponse.send_message_batch


def _receive(response: Any) -> Any:
    answer = _receive_message(response)
    asked = {*response._get_param("AttributeNames", []), *response._get_param("MessageSystemAttributeNames", [])}
    if asked & {"All", SOURCE}:
        queue = response.sqs_backend.get_queue(response._get_queue_name())
        for each in answer.result.get("Messages", ()):
            source = queue.delivered(each["ReceiptHandle"]).dead_letter_source
            if source is not None:
                each.setdefault("Attributes", {})[SOURCE] = source
    return answer


def _send_batch(response: Any) -> Any:
    """Entries that SQS does not take fail by themselves."""
    entries = response._get_param("Entries", [])
    failed = [refused for each in entries if (refused := _refusal(each)) is not None]
    ids = {each["Id"] for each in failed}
    sent = [each for each in entries if each["Id"] not in ids]
    if not sent:
        response.sqs_backend.get_queue(response._get_queue_name())
        return ActionResult({"Successful": [], "Failed": failed})
    response.params["Entries"] = sent
    answer = _send_message_batch(response)
    answer.result["Failed"] = [*failed, *answer.result["Failed"]]
    return answer


def _refusal(entry: Any) -> dict[str, Any] | None:
    try:
        check_message(entry)
    except Refused as refused:
        return {"Id": entry["Id"], "SenderFault": True, "Code": refused.code, "Message": refused.message}
    return None


def install() -> None:
    """Replace them."""
    SQSResponse.receive_message = _receive
    SQSResponse.send_message_batch = _send_batch
