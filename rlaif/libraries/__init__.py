"""One adapter file per library whose private or changing parts are used.

An adapter may be imported without its library: it imports that where it is needed. What each assumes of its library
is said and tried in `tests/libraries/`.
"""
