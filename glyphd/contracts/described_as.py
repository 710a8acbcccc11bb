"""Describes plain values in JSON Schema by the types from which they were made."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, TypeAdapter, WithJsonSchema
from pydantic_core import CoreSchema

TimeText = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time as the service writes it: UTC, six decimals and a Z."""


@dataclass(frozen=True)
class DescribedAs:
    """`Annotated[dict[str, Any], DescribedAs(RowError)]`: a dictionary that was made from a
    RowError.

    The value itself is neither checked nor converted: a status may have hundreds of them.
    """

    kind: Any

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(TypeAdapter(self.kind).core_schema)
