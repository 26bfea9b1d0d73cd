"""Views rendered as terminal text and Markdown."""
