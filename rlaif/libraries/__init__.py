"""One adapter for each library whose private, undocumented or moving parts are used; nothing else touches those.

An adapter may be imported without its library: it imports that where it is needed. What each assumes of its library
is said and tried in `tests/libraries/`.
"""
