"""What keeps an operation from being compiled, or its plan from ending: graphql-core takes over."""


class Refused(Exception):
    """The operation has something that is not compiled; says what, in a word or two."""


class Surprise(Exception):
    """A value that its type does not allow, or that only graphql-core knows how to complete."""
