"""The format of tokens, and the numbers of the limits."""

from __future__ import annotations

import os

import pytest
from forkpoint_server.errors import RateLimited
from forkpoint_server.security.quotas import Rate
from forkpoint_server.security.tokens import Token, base62, make_token, read_token
from hypothesis import given
from hypothesis import strategies as st


def test_a_token_has_the_published_form():
    token = make_token("pat", bytes(range(25)))

    assert token.text == "fp_pat_00018wom_0iRIfZwOQ19boJaUV8tjFXH4it6_0oWPH2"
    assert len(token.text) == 3 + 4 + 8 + 1 + 27 + 1 + 6


@given(st.binary(min_size=25, max_size=25), st.sampled_from(["pat", "svc", "run"]))
def test_a_token_reads_back_as_itself(random: bytes, kind: str):
    token = make_token(kind, random)  # type: ignore[arg-type]

    assert read_token(token.text) == token


@given(st.binary(min_size=25, max_size=25), st.integers(0, 48), st.sampled_from("0Zz_"))
def test_a_changed_character_is_noticed_without_a_query(random: bytes, at: int, other: str):
    text = make_token("svc", random).text
    changed = text[:at] + other + text[at + 1 :]

    assert changed == text or read_token(changed) is None


@pytest.mark.parametrize("text", ["", "fp_pat_", "Bearer x", "fp_adm_" + "0" * 42, "x" * 10_000])
def test_other_texts_are_no_tokens(text: str):
    assert read_token(text) is None


def test_only_the_secret_itself_matches_what_is_stored():
    token, other = make_token("pat", os.urandom(25)), make_token("pat", os.urandom(25))

    assert token.matches(token.secret_sha256)
    assert not Token(kind="pat", token_id=token.token_id, secret=other.secret).matches(
        token.secret_sha256
    )


def test_base62_uses_digits_then_upper_then_lower_case():
    assert [base62(n, width=2) for n in (0, 9, 10, 35, 36, 61, 62)] == [
        "00",
        "09",
        "0A",
        "0Z",
        "0a",
        "0z",
        "10",
    ]


def test_a_rate_lets_a_burst_through_and_then_its_flow():
    rate = Rate(per_second=10, burst=50)
    rate.take("a", 50, now_s=0)

    with pytest.raises(RateLimited):
        rate.take("a", 1, now_s=0)
    rate.take("b", 50, now_s=0)
    rate.take("a", 10, now_s=1)


def test_a_rate_says_how_long_a_debt_takes():
    rate = Rate(per_second=10, burst=10)
    rate.take("a", 100, now_s=0)

    with pytest.raises(RateLimited) as refused:
        rate.take("a", 1, now_s=0)

    assert refused.value.retry_after_s == 10
