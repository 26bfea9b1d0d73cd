"""Reviewed plan/apply for Okta Identity Governance access."""

__version__ = "0.1.0"
