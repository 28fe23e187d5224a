"""Who may do what: tokens, scopes, hosts, origins, bodies and headers. It knows no GraphQL."""
