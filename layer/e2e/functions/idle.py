"""A function that reads nothing, where a test reads in its place."""


def handler(event, context):
    return "idle"
