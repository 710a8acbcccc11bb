"""A client of glyphd: push files of GPU offers, and read the market.

from glyphd_client import Client

client = Client("http://localhost:8080")
client.push("offers.csv", source="nightly").wait()
"""

from glyphd_client.client import Client
from glyphd_client.columns import ImportFilters, Listing, ListingFilters
from glyphd_client.errors import (
    ClientError,
    FileRefused,
    ImportFailed,
    InvalidUse,
    LocalFileError,
    MissingExtra,
    NotAllowed,
    NotFound,
    Refused,
    StillRunning,
    TryLater,
)
from glyphd_client.listings import Listings
from glyphd_client.options import ImportOptions, PushOptions
from glyphd_client.pushed import PushedImport
from glyphd_client.statuses import (
    ChangeEffect,
    Effect,
    ErrorGroup,
    Failure,
    FileWarning,
    ImportChange,
    ImportStatus,
    ModelCount,
    RowError,
    Summary,
)

__all__ = [
    "ChangeEffect",
    "Client",
    "ClientError",
    "Effect",
    "ErrorGroup",
    "Failure",
    "FileRefused",
    "FileWarning",
    "ImportChange",
    "ImportFailed",
    "ImportFilters",
    "ImportOptions",
    "ImportStatus",
    "InvalidUse",
    "Listing",
    "ListingFilters",
    "Listings",
    "LocalFileError",
    "MissingExtra",
    "ModelCount",
    "NotAllowed",
    "NotFound",
    "PushOptions",
    "PushedImport",
    "Refused",
    "RowError",
    "StillRunning",
    "Summary",
    "TryLater",
]
