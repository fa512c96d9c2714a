"""The server that these tests talk to."""

from view_server import serve as serve
