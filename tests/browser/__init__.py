"""Tests in a real browser, run by name: pytest tests/browser/explorer.py. They need Chromium and playwright."""
