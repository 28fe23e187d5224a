"""The class of a secret value: a function of its format alone, never of the rule that found it.

Were it the rule's, one value found under two keys would get two tokens. Changing what a class
matches changes tokens, so it needs a new token format.
"""

from __future__ import annotations

import ipaddress
import re

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_CARD = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}")
_SSN = re.compile(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}")
_PHONE = re.compile(
    r"\+[1-9](?:[ .()-]{0,2}[0-9]){7,14}|"
    r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-.])[0-9]{3}[-.][0-9]{4}"
)
_LONGEST = 320
"""Characters of the longest address (RFC 3696); no longer value has a class of its own."""


def class_of(value: str) -> str:
    """The first of EMAIL, CARD, SSN, IP, IBAN, PHONE that the whole value matches, else VALUE."""
    if len(value) > _LONGEST or not value.isascii():
        return "VALUE"
    if _EMAIL.fullmatch(value):
        return "EMAIL"
    if _CARD.fullmatch(value) and luhn(value):
        return "CARD"
    if _SSN.fullmatch(value):
        return "SSN"
    if _is_address(value):
        return "IP"
    if _IBAN.fullmatch(value) and _mod_97(value):
        return "IBAN"
    return "PHONE" if _PHONE.fullmatch(value) else "VALUE"


def luhn(text: str) -> bool:
    """Whether the digits of a text pass the check of ISO/IEC 7812-1."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_address(value: str) -> bool:
    if not (":" in value or value.count(".") == 3):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _mod_97(value: str) -> bool:
    """The check of ISO 13616: the country code and check digits moved to the end, letters 10-35."""
    compact = value.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1
