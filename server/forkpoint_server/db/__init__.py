"""Postgres: the tables, one engine with two pools, the migrations. It never holds a domain rule."""

from __future__ import annotations
