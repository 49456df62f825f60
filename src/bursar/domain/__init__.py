"""Pure rules, with no database and no GraphQL: what may be, and what follows from what is."""
