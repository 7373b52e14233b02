"""Who may do what: credentials, tokens, grants."""
