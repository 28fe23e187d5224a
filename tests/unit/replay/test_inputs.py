"""What the edit `replace` makes of the input of a call."""

from __future__ import annotations

import pytest
from forkpoint.errors import ReplayError
from forkpoint.replay.edits import read_edits
from forkpoint.replay.inputs import changed_parts

TALK = [{"role": "user", "content": word} for word in ("one", "two", "three", "two")]


def replaced(part: str, old: object, new: object) -> dict[str, object]:
    value = {"part": part, "from": old, "to": new}
    edits = enumerate(read_edits([{"kind": "replace", "value": value}]))
    parts = {"messages": TALK, "model": "large", "system": "be brief"}
    return dict(changed_parts(edits, parts.__getitem__, parts))


def test_a_stretch_of_a_list_becomes_another_where_it_is_first_found():
    assert replaced("messages", TALK[1:2], [1, 2]) == {"messages": [TALK[0], 1, 2, *TALK[2:]]}
    assert replaced("messages", TALK[1:3], []) == {"messages": [TALK[0], TALK[3]]}


def test_a_part_that_is_the_value_becomes_the_other_and_others_stay():
    assert replaced("model", "large", "small") == {"model": "small"}
    assert replaced("model", "other", "small") == {}
    assert replaced("messages", [{"role": "user", "content": "four"}], []) == {}


@pytest.mark.parametrize(
    "value", [{"part": "messages", "from": []}, {"part": "messages", "from": [], "to": [1]}, {}]
)
def test_what_names_nothing_is_no_edit(value: dict[str, object]):
    with pytest.raises(ReplayError, match="replace"):
        read_edits([{"kind": "replace", "value": value}])
