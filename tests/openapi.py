"""The OpenAPI description of the call, computed from the documents: written by `pytest --update`."""

from __future__ import annotations

import json
from typing import Any

from facts import FACTS, XML, meanings


def description() -> str:
    """Return `docs/openapi.json`: one path, GET and POST, and every documented response as an example."""
    request = (XML / "request.xml").read_text(encoding="utf-8").rstrip("\n")
    codes = sorted(path.stem.removeprefix("error-") for path in XML.glob("error-*.xml"))
    summaries = {
        "response": "As the specification shows it",
        "recorded": "As recorded in 2013",
        **{f"error-{code}": f"Error {code}: {meanings(code)[0][0]}" for code in codes},
        "several-errors": "Several errors in one response (sample data)",
    }
    examples = {
        name: {"summary": summary, "value": (XML / f"{name}.xml").read_text(encoding="utf-8")}
        for name, summary in summaries.items()
    }
    response = {
        "description": "A success or an error, as the element `Result` says. Read the body before the HTTP status, "
        "because the HTTP status of an error isn't documented.",
        "content": {"text/xml": {"schema": {"type": "string"}, "examples": examples}},
    }
    parameter = {"type": "string", "description": "The request document.", "examples": [request]}
    get = {
        "operationId": "getListCallback",
        "summary": "List the MT callback types, with the document in the query string",
        "parameters": [{"name": "XML", "in": "query", "required": True, "schema": parameter, "example": request}],
        "responses": {"200": response},
    }
    form = {
        "schema": {"type": "object", "required": ["XML"], "properties": {"XML": parameter}},
        "example": {"XML": request},
    }
    post = {
        "operationId": "postListCallback",
        "summary": "List the MT callback types, with the document in a form",
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": form}},
        "responses": {"200": response},
    }
    token = {
        "name": "token",
        "in": "path",
        "required": True,
        "description": "The authentication token of your Connect API connection. It is a secret.",
        "schema": {"type": "string", "examples": ["AUTHENTICATION_TOKEN"]},
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Clickatell Connect API: get_list_callback",
            "version": "1.0.0",
            "description": "Independent of Clickatell. Made from published documents, and never checked against the "
            "live service. We don't know whether the service still runs.",
        },
        "servers": [
            {"url": FACTS["facts"]["endpoint"][0].rstrip("/"), "description": "The service"},
            {"url": "https://127.0.0.1:8443", "description": "The mock server on your machine"},
        ],
        "paths": {"/{token}": {"parameters": [token], "get": get, "post": post}},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
