"""Dossier's tests: they speak the API from outside, on both databases."""
