"""What speaks HTTP: the GraphQL endpoint, GraphiQL, health, and what surrounds every request."""
