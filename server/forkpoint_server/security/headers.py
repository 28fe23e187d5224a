"""Response headers: what a browser may do with our answers (security guide, S10)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""For answers that are data: even opened as a page they do nothing."""


def cockpit_policy(nonce: str) -> str:
    """The content security policy of the cockpit's page; the nonce is for styles of libraries."""
    return (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


def make_nonce() -> str:
    """144 random bits for one response."""
    return base64.b64encode(secrets.token_bytes(18)).decode()
