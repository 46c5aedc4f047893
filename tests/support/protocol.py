"""The published schema of the socket's messages, as tests hold what is said against it."""

from jsonschema import Draft202012Validator, FormatChecker

from django_voipcti import schema

SCHEMA = schema.json_schema()


def validator(name: str) -> Draft202012Validator:
    """Return what judges messages by a definition of the schema: "server", "page", or the name of one message."""
    document = {**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]}
    return Draft202012Validator(document, format_checker=FormatChecker())
