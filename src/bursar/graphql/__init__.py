"""What speaks GraphQL: types, queries and mutations, one file an entity, and what they share."""
