"""The project's store: every finished call, once, whoever asked. Re-use is decided by key, never by run."""

from rlaif.store.keys import call_key
from rlaif.store.place import find_store
from rlaif.store.store import Call, Store

__all__ = ["Call", "Store", "call_key", "find_store"]
