"""Images as files: how their folders are laid out, and how they are decoded."""
