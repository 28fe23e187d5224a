"""Subscriptions: pages read from Postgres whenever a wake-up or a poll says so."""
