"""The event feed: what happened to imports, for programs that want to react to it."""
