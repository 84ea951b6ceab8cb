"""What the API answers, one module per kind of thing."""
