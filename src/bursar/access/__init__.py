"""Who may see and do what: the actor, the policy, what an actor can see, and the one door to a row."""
