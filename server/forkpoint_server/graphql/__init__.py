"""The GraphQL schema: adapters between the query and ingestion rooms and the wire. No decisions."""
