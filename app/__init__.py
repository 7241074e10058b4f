"""Dossier: a GraphQL server for case files."""

__version__ = "0.1.0"
