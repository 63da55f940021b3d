"""Settings: read strictly, with errors that name the place, and given back unchanged."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from facemogle.core.config import changed, from_mapping, to_mapping


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    names: tuple[str, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate is {self.rate}, must not be negative")


@dataclass(frozen=True)
class Needed:
    path: str


@dataclass(frozen=True)
class Outer:
    needed: Needed
    count: int = 3
    on: bool = False
    kind: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)
    maybe: int | None = None


GOOD = {"needed": {"path": "x"}, "count": 4, "inner": {"rate": 1, "names": ["p", "q"], "pair": [1, 2]}}


def test_what_is_read_is_given_back():
    settings = from_mapping(Outer, GOOD)
    assert settings == Outer(Needed("x"), count=4, inner=Inner(1.0, ("p", "q"), (1.0, 2.0)))
    assert type(settings.inner.rate) is float
    assert from_mapping(Outer, to_mapping(settings)) == settings
    assert to_mapping(settings)["inner"] == {"rate": 1.0, "names": ["p", "q"], "pair": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 1}, "file: cuont: unknown setting, did you mean 'count'?"),
        ({"inner": {"zzz": 1}}, "file: inner.zzz: unknown setting, known are rate, names, pair"),
        ({"count": True}, "file: count: is True, must be a whole number"),
        ({"count": 1.5}, "file: count: is 1.5, must be a whole number"),
        ({"on": 1}, "file: on: is 1, must be true or false"),
        ({"kind": "c"}, "file: kind: is 'c', must be one of 'a', 'b'"),
        ({"inner": 3}, "file: inner: is 3, must be a table"),
        ({"inner": {"rate": -1}}, "file: inner: rate is -1.0, must not be negative"),
        ({"inner": {"names": "p"}}, "file: inner.names: is 'p', must be a list"),
        ({"inner": {"names": [1]}}, "file: inner.names[0]: is 1, must be a text"),
        ({"inner": {"pair": [1]}}, "file: inner.pair: has 1 values, must have 2"),
        ({"needed": {}}, "file: needed.path: missing"),
        ({"maybe": "x"}, "file: maybe: is 'x', must be a whole number"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=r"^file: ") as caught:
        from_mapping(Outer, GOOD | values, where="file: ")
    assert str(caught.value) == message


def test_a_missing_table_is_named_by_what_it_lacks():
    with pytest.raises(ValueError, match=r"^needed\.path: missing$"):
        from_mapping(Outer, {})


class TestChanged:
    def test_sets_values_by_path_and_leaves_the_original(self):
        before = {"inner": {"rate": 1.0}}
        after = changed(
            before, ["inner.rate=2e-3", 'inner.names=["a"]', "kind=b", "needed.path=a=b", "on=true"]
        )
        assert after == {
            "inner": {"rate": 0.002, "names": ["a"]},
            "kind": "b",
            "needed": {"path": "a=b"},
            "on": True,
        }
        assert before == {"inner": {"rate": 1.0}}

    @pytest.mark.parametrize("change", ["count", "=3", "inner.=3", "kind.deep=1"])
    def test_refuses_what_is_no_change(self, change):
        with pytest.raises(ValueError, match=change.partition("=")[0] or "NAME=VALUE"):
            changed({"kind": "a"}, [change])
