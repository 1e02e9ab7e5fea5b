"""The store of a project: every finished call once, found by the digest of its content."""

from rlaif.store.keys import call_key
from rlaif.store.place import find_store
from rlaif.store.store import Call, Store

__all__ = ["Call", "Store", "call_key", "find_store"]
