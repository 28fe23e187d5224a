"""The HTTP and WebSocket doors: they read requests, ask the rooms below, and write answers."""
