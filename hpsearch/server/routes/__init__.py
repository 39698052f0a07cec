"""The routes of the service, as thin as commands: what they do is in services and in search."""
