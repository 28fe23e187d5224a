"""Object types. Each is filled from one frozen row; resolvers only load what lies deeper."""
