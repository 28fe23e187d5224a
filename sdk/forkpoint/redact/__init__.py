"""Redaction: masks secrets in values by rules and keyed tokens; pure, it reads no file or clock."""

from __future__ import annotations
