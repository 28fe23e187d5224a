"""An agent that knows OpenTelemetry and nothing of Forkpoint."""
