"""The search: studies, their budget and claims, sampling, confirmation; no Keras here."""
