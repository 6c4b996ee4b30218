"""What a program is given: the platform's own values win, a service has its edges, anybody else the control plane."""

from infrastructure.embedded.engines.workload import Surroundings, Workload
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.pace import FAST
from services import catalog

KEYRING = Keyring("123456789012")
AROUND = Surroundings(
    region="us-east-1",
    url="http://127.0.0.1:4566",
    pace=FAST,
    edge=lambda service, upstream: Endpoint(LOOPBACK, len(service) * 1000 + len(upstream)),
    password=lambda upstream: f"{upstream}-password",
    secret={"token": "t0ken"}.__getitem__,
    credentials=KEYRING.workload,
)
ORDER = catalog.http_services()[0]


def test_a_workload_is_a_process_with_its_place_and_share() -> None:
    workload = Workload(
        id="order-0",
        kind="pod",
        resource="pod/order-0",
        service=ORDER,
        port=4321,
        az="b",
        vcpu=0.25,
        environment={"PORT": "80", "MODE": "test"},
    )
    spec = workload.process(AROUND)
    assert (spec.kind, spec.service, spec.entry, spec.port, spec.az) == ("pod", "order", ORDER.entry, 4321, "b")
    given = {"MODE": "test", "PORT": "4321", "CAFE_VCPU": "0.25", "CAFE_AVAILABILITY_ZONE": "b"}
    assert given.items() <= spec.env.items()


def test_a_service_reaches_what_it_calls_by_its_edges_alone() -> None:
    environment = AROUND.environment({"AWS_REGION": "elsewhere"}, "order", ORDER)
    assert {edge.variable for edge in ORDER.edges} <= environment.keys()
    assert "AWS_ENDPOINT_URL" not in environment
    assert environment["AWS_REGION"] == "us-east-1"


def test_anybody_else_reaches_every_api_at_the_control_plane_or_where_it_was_told_to() -> None:
    assert AROUND.environment({}, "mine", None)["AWS_ENDPOINT_URL"] == AROUND.url
    told = AROUND.environment({"AWS_ENDPOINT_URL": "http://there"}, "mine", None)
    assert told["AWS_ENDPOINT_URL"] == "http://there"


def test_a_program_calls_as_a_session_of_its_role_with_the_same_keys_after_every_start() -> None:
    role = "arn:aws:iam::123456789012:role/paths/too/payment-role"
    given = AROUND.environment({"AWS_SESSION_TOKEN": "configured"}, "payment", None, role)
    keys = {name: given[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    issued = KEYRING.find(keys["AWS_ACCESS_KEY_ID"])
    assert issued is not None
    assert issued.principal.arn == "arn:aws:sts::123456789012:assumed-role/payment-role/payment"
    assert keys.items() <= AROUND.environment({}, "payment", None, role).items()
    others = AROUND.environment({}, "order", ORDER)
    assert not set(keys.values()) & set(others.values())
