"""Between the Peewee models and the pydantic objects that the store takes and gives, both ways."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from peewee import Model
from pydantic import BaseModel

from glyphd.contracts.imports import GPUModelDTO, ImportMetadata, QuantizedListingDTO, ScoredListingDTO
from glyphd.contracts.listings import COLUMN, EXTRA
from glyphd.db.archive_models import GPUModel, ImportBatch, QuantizedListing, ScoredListing
from glyphd.times import utc_text

MODELS: Mapping[type[BaseModel], type[Model]] = {
    ImportMetadata: ImportBatch,
    ScoredListingDTO: ScoredListing,
    GPUModelDTO: GPUModel,
    QuantizedListingDTO: QuantizedListing,
}
"""Which model keeps what an object says."""

AnyDTO = TypeVar("AnyDTO", bound=BaseModel)

_JSON_CELLS = {name: COLUMN[name].cell for name in ("heuristics", EXTRA)}


def to_dto(kind: type[AnyDTO], row: Model) -> AnyDTO:
    """The object for a model's row. A listing's row is joined with more: `read_rows` gives that."""
    return kind.model_validate({name: getattr(row, name) for name in kind.model_fields})


def to_columns(dto: BaseModel) -> dict[str, Any]:
    """What the object says, by column of its model, as the archive stores it: `Model(**to_columns(dto))` holds it."""
    columns = MODELS[type(dto)]._meta.columns
    return {name: _stored(name, getattr(dto, name)) for name in type(dto).model_fields if name in columns}


def _stored(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if name == "listing_id":
        return bytes.fromhex(value)
    return _JSON_CELLS[name].as_text(value) if name in _JSON_CELLS else value
