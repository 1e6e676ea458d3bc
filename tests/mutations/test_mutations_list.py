"""The list of breaks is one: fifty, each of its own name, with a place in the code and a test."""

from __future__ import annotations

from mutations import MUTATIONS
from run_mutations import ROOT, changed


def test_the_list_fits_the_code() -> None:
    """A change of the code may make some of them stale: then they are to be put where the code is now."""
    assert len(MUTATIONS) == len({mutation.name for mutation in MUTATIONS}) == 50
    stale = []
    for mutation in MUTATIONS:
        assert mutation.old != mutation.new
        assert all((ROOT / part).is_file() for part in mutation.test.split() if part.startswith("tests/"))
        try:
            changed(mutation, (ROOT / mutation.file).read_text("utf-8"))
        except ValueError as error:
            stale.append(str(error))
    print(f"{len(MUTATIONS) - len(stale)} of {len(MUTATIONS)} fit", *stale, sep="\n")
    assert not stale, stale
