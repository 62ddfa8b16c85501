"""The real components that the end-to-end tests run against, each started privately on 127.0.0.1."""
