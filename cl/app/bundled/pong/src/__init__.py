"""The application's entry."""

from .app import Pong

application = Pong()
