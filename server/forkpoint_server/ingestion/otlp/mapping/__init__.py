"""From the attributes of a span, under whatever names, to kind, parts, output and counts. Pure.

One table of names says what is read from where (`names`); rooms above store what comes out.
"""

from __future__ import annotations
