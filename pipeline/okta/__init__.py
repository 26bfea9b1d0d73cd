"""The only code that talks to Okta."""
