"""The HTTP edge: requests, routes, responses, problems."""
