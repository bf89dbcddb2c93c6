"""Bodies that come as JSON or as a form: read by what the request says they are, and told so in the document."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from commonspace.core.errors import ItemError, UsageError
from commonspace.shell.api.parts import from_base64, text_source

__all__ = ["base_name", "body_schema", "checked", "files_of", "form_of", "is_form", "json_of", "media_of", "plain_text"]

Model = TypeVar("Model", bound=BaseModel)

DATA_URI: Final = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
FORM_FIELDS: Final = 64
FIELD_BYTES: Final = 8_000_000


def body_schema(model: type[BaseModel], form: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a route's document that says: this body as JSON, or that form with files."""
    schema = flat(model.model_json_schema())
    examples = schema.pop("examples", [])
    named = {f"example {place}": {"value": value} for place, value in enumerate(examples, 1)}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "examples": named},
                "multipart/form-data": {"schema": dict(form), "example": dict(example)},
            },
        }
    }


def flat(schema: Any, defs: Mapping[str, Any] | None = None) -> Any:
    """A schema that needs no other: what it refers to is put in its place."""
    if isinstance(schema, list):
        return [flat(each, defs) for each in schema]
    if not isinstance(schema, dict):
        return schema
    known = defs if defs is not None else schema.get("$defs", {})
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {**flat(known[schema["$ref"].rpartition("/")[2]], known), **rest}
    return {name: flat(value, known) for name, value in schema.items() if name != "$defs"}


def is_form(request: Request) -> bool:
    """Whether the body is a form with files.

    Raises:
        UsageError: it is neither that nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return True
    if kind == "application/json" or kind.endswith("+json"):
        return False
    raise UsageError(
        "The body is neither JSON nor a form.",
        fix="Send content-type application/json, or files as multipart/form-data.",
    )


async def json_of(request: Request, model: type[Model]) -> Model:
    """The JSON body.

    Raises:
        UsageError: it is not JSON.
        RequestValidationError: it is not what the model says.
    """
    try:
        given = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise UsageError("The body is not valid JSON.", fix="Send one JSON object.") from None
    return checked(model, given)


def checked(model: type[Model], given: object, *, place: str = "body") -> Model:
    """A value that is what the model says.

    Raises:
        RequestValidationError: it is not.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [{**each, "loc": (place, *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(found) from None


@asynccontextmanager
async def form_of(request: Request, max_files: int) -> AsyncIterator[FormData]:
    """The form body; files beyond a megabyte wait on disk, as long as this lasts.

    Raises:
        UsageError: it is no form, or has too many files or fields.
    """
    try:
        form = await request.form(max_files=max_files, max_fields=FORM_FIELDS, max_part_size=FIELD_BYTES)
    except HTTPException as error:
        raise UsageError(f"The form cannot be read: {error.detail}", fix=f"Send at most {max_files} files.") from None
    try:
        yield form
    finally:
        await form.close()


def files_of(form: FormData, name: str) -> Sequence[UploadFile]:
    """The files of one field.

    Raises:
        UsageError: the field holds something else.
    """
    given = form.getlist(name)
    files = [each for each in given if isinstance(each, UploadFile)]
    if len(files) < len(given):
        raise UsageError(f"The field '{name}' holds a text, not a file.", fix=f"Send it as -F {name}=@photo.jpg.")
    return files


def base_name(file: UploadFile) -> str:
    """What a file was called, without the folders that it lay in."""
    return PurePosixPath((file.filename or "").replace("\\", "/")).name


def media_of(value: str) -> bytes:
    """Media as they stand in JSON: a data URI, or base64 alone.

    Raises:
        UsageError: it is an address, or empty.
        ItemError: it is neither.
    """
    if value.lower().startswith(("http:", "https:", "file:", "ftp:")):
        raise UsageError("This is an address, not media.", fix="Send the media itself, as a data URI or as a file.")
    found = DATA_URI.match(value)
    data = from_base64(value[found.end() if found else 0 :])
    if not data:
        raise UsageError("These media have no bytes.", fix="Send data:image/png;base64,... or the base64 alone.")
    return data


def plain_text(text: str) -> str:
    """A text that is one.

    Raises:
        UsageError: there is no word in it, or it is media in disguise.
    """
    try:
        text_source(text)
    except ItemError as error:
        fix = "Say something." if error.item_code == "empty" else "Send media in their own fields, or as a file."
        raise UsageError(error.cause, fix=fix) from None
    return text
