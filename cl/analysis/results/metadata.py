"""What results say of the recording that they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl.analysis.recorded import channel_count_of, rate_of

from .base import AnalysisMetadata

if TYPE_CHECKING:
    from cl._store.read.analysable import Analysable


def metadata_of(view: Analysable) -> AnalysisMetadata:
    """Return the metadata of a view: of all of it, whatever the analysis limit is."""
    attributes = view.attributes
    return AnalysisMetadata(
        file_path=view.file_path,
        channel_count=channel_count_of(view),
        sampling_frequency=rate_of(view),
        duration_frames=attributes["duration_frames"],
        duration_seconds=attributes["duration_seconds"],
    )
