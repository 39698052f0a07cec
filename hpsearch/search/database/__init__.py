"""The database that holds all studies: addresses, connections, locks, messages, backup."""
