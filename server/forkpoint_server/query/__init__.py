"""Questions about runs: one function a question, one SQL statement each, frozen rows out.

It never writes, and it never decides who may ask; callers pass the project of a checked principal.
"""
