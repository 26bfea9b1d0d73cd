"""What the demo works on: a sample source and the org it is applied to."""
