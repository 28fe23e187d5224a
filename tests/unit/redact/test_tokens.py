"""The token grammar, against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forkpoint.errors import RedactionError
from forkpoint.redact.classes import class_of
from forkpoint.redact.tokens import CONSTANT, TokenKey, find_tokens, is_token
from hypothesis import given
from hypothesis import strategies as st

VECTORS = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "redaction" / "vectors.json").read_text()
)
PROJECT_KEY = bytes.fromhex(VECTORS["K_project"])
ROWS = [pytest.param(row, id=repr(row["value"])) for row in VECTORS["vectors"]]


@pytest.mark.parametrize("row", ROWS)
def test_a_value_has_the_published_class_and_token(row: dict[str, str]) -> None:
    assert class_of(row["value"]) == row["class"]
    assert TokenKey(PROJECT_KEY).token(row["value"]) == row["token"]


@pytest.mark.parametrize("row", ROWS)
def test_another_epoch_and_another_run_have_the_published_tokens(row: dict[str, str]) -> None:
    assert TokenKey(PROJECT_KEY, epoch=2).token(row["value"]) == row["epoch_2"]
    assert TokenKey(PROJECT_KEY, run_id=VECTORS["run_id"]).token(row["value"]) == row["run"]


def test_key_ids_are_the_published_ones() -> None:
    assert TokenKey(PROJECT_KEY).key_id == VECTORS["key_id"]
    assert TokenKey(PROJECT_KEY, epoch=2).key_id == VECTORS["key_id_epoch_2"]


def test_the_constant_is_the_published_one() -> None:
    assert VECTORS["constant"] == CONSTANT


@pytest.mark.parametrize("text", VECTORS["not_tokens"])
def test_a_damaged_or_foreign_token_is_no_token(text: str) -> None:
    assert not list(find_tokens(text))


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(RedactionError, match="32 bytes"):
        TokenKey(b"short")


@given(st.text(), st.text(alphabet="abc =.\n", max_size=5), st.text(max_size=5))
def test_a_token_is_found_wherever_it_stands(value: str, before: str, after: str) -> None:
    token = TokenKey(PROJECT_KEY).token(value)

    assert is_token(token)
    assert (len(before), len(before) + len(token)) in find_tokens(before + token + after)
