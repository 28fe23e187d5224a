"""What the redactor masks, what it leaves alone, and the laws it keeps."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from forkpoint.errors import RedactionError
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import CONSTANT, TokenKey, find_tokens
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = TokenKey(bytes(range(32)))
SECRET = 'canary "Käse" +/=&\\ 7f3a'
REDACTOR = Redactor(Ruleset(), KEY, [SECRET, "multi-line-secret-value-1234567890\nsecond"])


def is_masked(value: object) -> bool:
    return next(find_tokens(str(value)), None) is not None


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "openaiApiKey",
        "X-API-Key",
        "clientSecret",
        "AWS_SECRET_ACCESS_KEY",
    ],
)
def test_a_value_behind_a_secret_name_becomes_its_token(name: str) -> None:
    assert REDACTOR.redact({name: "hunter2!"}) == {name: KEY.token("hunter2!")}


@pytest.mark.parametrize(
    "name", ["max_tokens", "prompt_tokens", "token_type", "author", "next_token", "monkey", "cause"]
)
def test_a_safe_name_keeps_its_value(name: str) -> None:
    value = {name: "abcdefgh12345678"}

    assert REDACTOR.redact(value) is value


@pytest.mark.parametrize("value", ["${TOKEN}", "<password>", "********", "changeme", "null", ""])
def test_a_placeholder_stays(value: str) -> None:
    assert REDACTOR.redact({"password": value}) == {"password": value}


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode() + b"yz").decode(),
        base64.urlsafe_b64encode(b"xy" + SECRET.encode()).decode(),
        quote(SECRET, safe=""),
        json.dumps({"deep": SECRET}),
        json.dumps({"deep": SECRET}, ensure_ascii=False),
        json.dumps(json.dumps([SECRET])),
        "multi-line-secret-value-1234567890",
    ],
)
def test_a_known_value_is_masked_in_every_form_it_travels_in(form: str) -> None:
    masked = str(REDACTOR.redact(f"{form}"))

    assert is_masked(masked)
    assert SECRET not in masked
    assert form not in masked


def test_a_known_value_is_masked_in_keys_and_bytes_and_behind_placeholders() -> None:
    value = {f"k {SECRET}": f"a {SECRET}".encode(), "password": f"<{SECRET}>"}

    assert SECRET not in str(REDACTOR.redact(value))
    assert SECRET.encode() not in REDACTOR.redact(value)[f"k {KEY.token(SECRET)}"]  # type: ignore[index]


def test_json_in_a_string_keeps_every_byte_that_is_no_secret() -> None:
    text = '{ "n": 1.0, "é":[1e3 ], "password" : "hunter2", "t":"\\u00e9" }'

    masked = REDACTOR.redact({"arguments": text})["arguments"]  # type: ignore[index]

    assert masked == text.replace("hunter2", KEY.token("hunter2"))


def test_authorization_keeps_its_scheme_and_basic_credentials_become_constant() -> None:
    headers = [["Authorization", "Bearer abc.def"], ["Proxy-Authorization", "Basic eDp5"]]

    assert REDACTOR.redact(headers) == [
        ["Authorization", f"Bearer {KEY.token('abc.def')}"],
        ["Proxy-Authorization", f"Basic {CONSTANT}"],
    ]


def test_cookies_keep_names_and_attributes() -> None:
    masked = REDACTOR.redact({"Set-Cookie": "sid=8f2k; Path=/; HttpOnly"})

    assert masked == {"Set-Cookie": f"sid={KEY.token('8f2k')}; Path=/; HttpOnly"}


def test_query_parameters_are_masked_by_decoded_value() -> None:
    text = "GET https://h/p?q=1&api_key=p%40ss1234&X-Amz-Signature=00ff#top"

    assert REDACTOR.redact(text) == (
        f"GET https://h/p?q=1&api_key={KEY.token('p@ss1234')}&X-Amz-Signature={CONSTANT}#top"
    )


def test_numbers_are_masked_behind_names_of_passwords_and_cards_only() -> None:
    value = {"password": 123456, "ssn": 7, "api_key": 123456, "cvv": True}

    assert REDACTOR.redact(value) == {**value, "password": KEY.token("123456")}


def test_a_list_of_names_is_no_header() -> None:
    value = {"required": ["username", "password"], "enum": ["password", "token"]}

    assert REDACTOR.redact(value) is value


def test_a_learned_secret_is_masked_and_the_old_redactor_is_unchanged() -> None:
    learned = REDACTOR.knowing("learned-value-1")

    assert learned.redact("x learned-value-1") == f"x {KEY.token('learned-value-1')}"
    assert REDACTOR.redact("x learned-value-1") == "x learned-value-1"


def test_ruleset_ids_depend_on_settings_and_not_on_secrets() -> None:
    assert Redactor(Ruleset(), KEY, ["another-secret"]).ruleset_id == REDACTOR.ruleset_id
    assert Ruleset(secret_keys=("badge",)).ruleset_id != REDACTOR.ruleset_id


def test_project_names_extend_and_clear_the_rule() -> None:
    redactor = Redactor(Ruleset(secret_keys=("badge_no",), safe_keys=("secret",)), KEY)

    assert is_masked(redactor.redact({"badgeNo": "A-77"}))
    assert redactor.redact({"secret": "open"}) == {"secret": "open"}


def test_too_deep_or_too_many_is_refused_not_passed() -> None:
    deep: object = "x"
    for _ in range(70):
        deep = [deep]

    with pytest.raises(RedactionError, match="nested"):
        REDACTOR.redact(deep)
    with pytest.raises(RedactionError, match="leaves"):
        REDACTOR.redact(["x"] * 200_001)


NAMES = st.sampled_from(
    ["password", "token", "note", "Authorization", "cookie", "sig", "arguments", "api_key"]
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([SECRET, "Bearer abc12345", "a=1&token=xyz98765", "hunter2", "sid=1; Path=/"]),
    st.builds(lambda n, v: json.dumps({n: v}), NAMES, st.text(max_size=12)),
    st.builds(lambda a, b: f"{a}.{SECRET}{b}", st.text(max_size=6), st.text(max_size=6)),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, TEXTS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_redacting_twice_is_redacting_once(value: object) -> None:
    once = REDACTOR.redact(value)

    assert REDACTOR.redact(once) == once


@given(VALUES)
@settings(deadline=None)
def test_no_known_value_is_left_anywhere(value: object) -> None:
    assert SECRET not in str(REDACTOR.redact([value, SECRET]))


@given(st.lists(VALUES.filter(lambda value: not isinstance(value, str)), max_size=5))
@settings(deadline=None)
def test_a_list_is_redacted_item_by_item(items: list[object]) -> None:
    assert REDACTOR.redact(items) == [REDACTOR.redact(item) for item in items]


@given(NAMES, TEXTS, VALUES)
@settings(deadline=None)
def test_a_string_is_masked_the_same_whatever_stands_beside_it(
    name: str, text: str, neighbour: object
) -> None:
    alone = REDACTOR.redact(text, key=name)

    assert REDACTOR.redact({name: text, "zz": neighbour})[name] == alone  # type: ignore[index]
