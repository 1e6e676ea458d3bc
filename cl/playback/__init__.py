"""`python -m cl.playback FILE [APP]`: a recording on a page in the browser, steered by it and by keys."""
