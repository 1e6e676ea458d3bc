"""The results' plots, with matplotlib (the extra `cl-aio[analysis]`).

What all have in common: `title` takes the place of the default one. With `save_path` the figure is written
there, in the format of the suffix, and not shown; without it, it is shown (`pyplot.show(block=True)`), but
only if it was made here. With `ax` (or `axes`) of one's own it is only drawn. Figures made here do not stay
open in pyplot; what is returned stays usable.
"""
