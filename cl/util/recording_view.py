"""Looking into recordings, under the name that programs import it from."""

from __future__ import annotations

from cl._store.read.attributes_view import AttributesView
from cl._store.read.streams_view import DataStreamsView as DataStreamCollection
from cl._store.read.streams_view import DataStreamView
from cl._store.read.view import RecordingView

__all__ = ["AttributesView", "DataStreamCollection", "DataStreamView", "RecordingView"]
