"""The application's entry."""

from .app import DoseResponse

application = DoseResponse()
