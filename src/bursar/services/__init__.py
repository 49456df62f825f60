"""Every write, and every rule that needs the database; one page an entity.

A service is a plain function of a transaction and an actor. It never commits, so services can call
each other: validate, pass the door, check the state that would result, write, record.
"""
