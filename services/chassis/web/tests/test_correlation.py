import pytest

from services.chassis.web import correlation


@pytest.mark.parametrize("candidate", ["a", "order-17", "1-67891233-abcdef012345678912345678", "a" * 64])
def test_a_harmless_id_of_the_caller_is_kept(candidate: str) -> None:
    assert candidate == correlation.bind(candidate) == correlation.current()


@pytest.mark.parametrize(
    "candidate",
    [None, "", " ", "-x", "a" * 65, 'x","level":"ERROR', "line\nbreak", "naïve", "../../etc", "a b"],
)
def test_any_other_is_replaced(candidate: str | None) -> None:
    bound = correlation.bind(candidate)
    assert bound == correlation.current()
    assert bound != candidate
    assert len(bound) == 32


def test_an_id_can_be_bound_for_a_block() -> None:
    outer = correlation.bind("outer")
    with correlation.bound("inner"):
        assert correlation.current() == "inner"
    assert correlation.current() == outer
