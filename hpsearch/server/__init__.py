"""The service: a team submits studies over HTTP, and one box searches them in turn."""
