from statistics import median

from services.payment.card import Approved, Charge, Declined, Silent, SimulatedNetwork, authorization_of
from services.payment.settings import CardSettings

COUNT = 4000


def network(slept: list[float] | None = None, /, **changes: float | str) -> SimulatedNetwork:
    given = {"latency_ms": 20.0, "decline_rate": 0.0, "timeout_rate": 0.0, "seed": "7", **changes}
    settings = CardSettings(
        latency_ms=float(given["latency_ms"]),
        decline_rate=float(given["decline_rate"]),
        timeout_rate=float(given["timeout_rate"]),
        seed=str(given["seed"]),
    )
    return SimulatedNetwork(settings, sleep=(slept if slept is not None else []).append)


def charges(count: int = COUNT, *, attempt: int = 1) -> list[Charge]:
    return [Charge(order_id=f"o{number}", amount_cents=100, attempt=attempt) for number in range(count)]


def test_every_run_of_a_seed_answers_the_same_and_another_differently() -> None:
    rates: dict[str, float | str] = {"decline_rate": 0.3, "timeout_rate": 0.2}
    assert network(**rates).authorize(charges()) == network(**rates).authorize(charges())
    assert network(**rates).authorize(charges()) != network(**rates, seed="8").authorize(charges())


def test_the_shares_are_what_was_asked_for() -> None:
    answers = network(decline_rate=0.1, timeout_rate=0.05).authorize(charges())
    silent = sum(isinstance(answer, Silent) for answer in answers) / COUNT
    declined = sum(isinstance(answer, Declined) for answer in answers) / COUNT
    assert abs(silent - 0.05) < 0.015
    assert abs(declined - 0.095) < 0.02


def test_an_order_has_one_authorization_and_one_verdict_however_often_it_is_asked_for() -> None:
    first = network(decline_rate=0.3).authorize(charges(attempt=1))
    second = network(decline_rate=0.3).authorize(charges(attempt=2))
    assert first == second
    approved = {answer.authorization_id for answer in first if isinstance(answer, Approved)}
    assert len(approved) == sum(isinstance(answer, Approved) for answer in first)


def test_silence_is_not_for_ever() -> None:
    answers = [network(timeout_rate=0.5).authorize(charges(200, attempt=attempt)) for attempt in range(1, 30)]
    assert all(any(not isinstance(answer, Silent) for answer in column) for column in zip(*answers, strict=True))


def test_latencies_lie_around_the_median_and_overlap() -> None:
    slept: list[float] = []
    for charge in charges(1000):
        network(slept).authorize([charge])
    assert abs(median(slept) - 0.020) < 0.001
    assert 2.0 < sorted(slept)[990] / 0.020 < 3.5
    together: list[float] = []
    network(together).authorize(charges(1000))
    assert together == [max(slept)]


def test_silence_takes_as_long_as_our_patience() -> None:
    slept: list[float] = []
    assert network(slept, timeout_rate=1.0).authorize(charges(2)) == [Silent(), Silent()]
    assert slept == [1.0]


def test_nothing_is_asked_for_nothing() -> None:
    slept: list[float] = []
    assert network(slept).authorize([]) == []
    assert slept == [0.0]


def test_authorizations_are_told_apart() -> None:
    assert len({authorization_of(f"o{number}") for number in range(1000)}) == 1000
