"""The pytest plugin, in sessions of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import cl

pytest_plugins = "pytester"

SYNC = """
    import pytest
    import cl

    def test_one(neurons):
        assert neurons.timestamp() == 0
        assert not neurons._engine.time.comes()
        print("spikes", [s.timestamp for s in neurons.read(2_000, analysis=True).spikes])

    @pytest.mark.cl(spikes=[(100, 8), (350, 9)])
    class TestScripted:
        def test_exact(self, neurons):
            assert neurons.read(500, analysis=True).spikes == [cl.Spike(100, 8), cl.Spike(350, 9)]

        @pytest.mark.cl(spikes=[(5, 3)])
        def test_the_closest_marker_wins(self, neurons):
            assert neurons.read(500, analysis=True).spikes == [cl.Spike(5, 3)]

    @pytest.mark.cl(environment={"CL_SDK_JITTER_DETECTION": "1"})
    def test_jitter(neurons):
        with pytest.raises(TimeoutError, match="Loop fell behind"):
            for tick in neurons.loop(1000):
                neurons.read(30)
"""

ASYNC = """
    import pytest

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    @pytest.mark.anyio
    @pytest.mark.cl(spikes=[(100, 8)])
    async def test_stream(aneurons):
        async with aneurons.spikes() as stream:
            async for spike in stream:
                assert (spike.timestamp, spike.channel) == (100, 8)
                assert aneurons.timestamp() <= 125
                break
"""

RECORDING = """
    from pathlib import Path

    def test_recording(neurons, recording_dir):
        assert list(recording_dir.iterdir()) == []
        recording = neurons.record(stop_after_frames=100)
        recording.wait_until_stopped()
        assert Path(recording.file["path"]).parent == recording_dir == Path.cwd()
        assert len(list(recording_dir.iterdir())) == 1
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    """Load this plugin and anyio's, and nothing that happens to be installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(cl.__file__).parents[1]))


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(source)
    plugins = ("-p", "cl.testing.plugin", "-p", "anyio")
    return pytester.runpytest_subprocess("-q", "--strict-markers", "-W", "error", *plugins, *arguments)


def test_neurons(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "99")
    pytester.path.joinpath(".env").write_text("CL_SDK_SAMPLE_MEAN=3\n")
    run(pytester, SYNC).assert_outcomes(passed=4)


def test_the_seed_can_be_chosen(pytester: pytest.Pytester) -> None:
    outputs = []
    for seed in ("0", "1", "1"):
        result = run(pytester, SYNC, "-s", "-k", "test_one", f"--cl-seed={seed}")
        result.assert_outcomes(passed=1, deselected=3)
        outputs.append([line for line in result.outlines if "spikes" in line])
    assert outputs[0] != outputs[1] == outputs[2]


def test_the_source_can_be_chosen(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        mine="""
        from cl.testing import ScriptedSource

        def make():
            return ScriptedSource([(42, 8)])
        """
    )
    result = run(pytester, SYNC, "-s", "--cl-source=mine:make", "-p", "mine")
    result.assert_outcomes(passed=4)
    assert any("spikes [42]" in line for line in result.outlines)


def test_aneurons(pytester: pytest.Pytester) -> None:
    run(pytester, ASYNC).assert_outcomes(passed=2)


def test_recording_dir(pytester: pytest.Pytester) -> None:
    run(pytester, RECORDING).assert_outcomes(passed=1)


def test_bad_markers_are_told(pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        @pytest.mark.cl(7)
        def test_positional(neurons): ...

        @pytest.mark.cl(sede=7)
        def test_misspelt(neurons): ...
    """
    result = run(pytester, source)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*takes keywords only*", "*unexpected keyword argument 'sede'*"])


def test_the_marker_is_documented(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.cl(*options*): what the fixtures neurons and aneurons open*"])
