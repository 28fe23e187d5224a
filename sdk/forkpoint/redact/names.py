"""Which object keys, headers, query parameters and environment names stand before a secret."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class KeyClass(StrEnum):
    """What the name before a value says about it."""

    PLAIN = "plain"
    SECRET = "secret"
    WEAK = "weak"
    """A name that often stands before secrets and often not (`token`): the value must look it."""
    NUMBER = "number"
    """A secret even as a number: passwords, PINs, card and social security numbers."""
    SCHEME = "scheme"
    """`Authorization`: its scheme stays."""
    COOKIE = "cookie"
    CONSTANT = "constant"
    """Volatile: masked by a constant, because a token would differ on every call."""


RULES: dict[str, tuple[str, ...]] = {
    "secret": (
        "accesskey", "accesstoken", "apikey", "apisecret", "apitoken", "appsecret", "authkey",
        "authtoken", "bearertoken", "clientsecret", "connectionstring", "consumersecret",
        "credential", "credentials", "csrftoken", "dbpass", "encryptionkey", "idtoken",
        "jwt", "masterkey", "passphrase", "privatekey", "refreshtoken", "sastoken", "secret",
        "secretaccesskey", "secretkey", "secretvalue", "securitytoken", "sessionkey",
        "sessiontoken", "sharedaccesskey", "signingkey", "signingsecret", "sshkey", "storagekey",
        "subscriptionkey", "redactkey", "webhooksecret", "xapikey", "xauthtoken", "xcsrftoken",
    ),
    "weak": ("token", "auth", "sessionid", "sid", "session"),
    "number": (
        "password", "passwd", "pwd", "passcode", "userpass", "pincode", "cvv", "cvc", "otp",
        "cardnumber", "creditcard", "creditcardnumber", "ssn", "socialsecuritynumber",
    ),
    "scheme": ("authorization", "proxyauthorization"),
    "cookie": ("cookie", "setcookie"),
    "constant": ("xamzsignature", "sig", "oauthsignature", "nonce", "oauthnonce"),
    "safe": (
        "author", "maxtokens", "nexttoken", "nextpagetoken", "pagetoken", "tokencount",
        "tokenids", "tokenizer", "tokenlimit", "tokentype", "tokens", "passwordhint",
        "passwordpolicy", "secretname", "secretid", "keyid",
    ),
}  # fmt: skip
"""Names without case, `-`, `_`, `.` and spaces. A name matches when it ends with one of them at a
word boundary (`db_password`, `openaiApiKey`); `safe` wins."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ANY = re.compile(
    "pass|pwd|secret|token|key|credential|auth|jwt|cookie|sess|sid|otp|cvv|cvc|card|pin|ssn|"
    "social|sig|nonce|connection",
    re.IGNORECASE,
)
LONGEST_NAME = 128
_CLASSES = {
    name: KeyClass(kind) for kind, names in RULES.items() if kind != "safe" for name in names
}


class Names:
    """The key rule: built-in names, plus those a project adds or clears."""

    __slots__ = ("_classes", "_safe", "kind")

    def __init__(self, *, secret: tuple[str, ...] = (), safe: tuple[str, ...] = ()) -> None:
        self._classes = _CLASSES | {squeezed(name): KeyClass.SECRET for name in secret}
        self._safe = frozenset(RULES["safe"]) | {squeezed(name) for name in safe}
        self.kind = lru_cache(maxsize=8192)(self._kind)
        """`kind(name)`: the class of a key, remembered."""

    def might_hold(self, text: str) -> bool:
        """Whether a longer text can contain a name of the rule at all."""
        return len(self._classes) > len(_CLASSES) or _ANY.search(text) is not None

    def _kind(self, name: str) -> KeyClass:
        if len(name) > LONGEST_NAME:
            return KeyClass.PLAIN
        words = [word.lower() for word in _WORDS.findall(name)]
        tails = ["".join(words[start:]) for start in range(len(words))]
        if any(tail in self._safe for tail in tails):
            return KeyClass.PLAIN
        return next(
            (self._classes[tail] for tail in tails if tail in self._classes), KeyClass.PLAIN
        )


def squeezed(name: str) -> str:
    """A name as the rule compares it."""
    return "".join(_WORDS.findall(name)).lower()


_PLACEHOLDER = re.compile(
    r"\$\{?[A-Za-z0-9_.:-]+\}?|\{\{?[^{}]*\}?\}|<[^<>]*>|%\(?[A-Za-z_]+\)?s?%?|[*xX.•-]+|"
    r"null|none|nil|undefined|true|false|changeme|change_me|redacted|\[redacted\]|"
    r"(?:your|my|example)[-_ ][a-z0-9_ -]*",
    re.IGNORECASE,
)


def is_placeholder(value: str) -> bool:
    """Whether a value says that a secret goes here (`${X}`, `<x>`, `****`, `changeme`, `null`)."""
    return len(value) <= LONGEST_NAME and _PLACEHOLDER.fullmatch(value.strip()) is not None


def looks_secret(value: str) -> bool:
    """Whether a value after a weak name is no ordinary word: long, or letters with digits."""
    if len(value) < 8 or " " in value:
        return False
    return len(value) >= 24 or (any(map(str.isdigit, value)) and any(map(str.isalpha, value)))
