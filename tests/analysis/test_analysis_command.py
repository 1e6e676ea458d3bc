"""`python -m cl analyse`: text, JSON and the page, of recordings and of their names, whatever these are."""

from __future__ import annotations

import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from analysis.analysis_files import write_recording
from extras import need_extra

from cl import RecordingView
from cl.__main__ import main
from cl._store.packing import pack
from cl._store.write.writer import RecordingWriter
from cl.analysis import open_many
from cl.analysis.report.settings import METRICS, PICTURES, Settings

need_extra("analysis", "pydantic", "scipy", "networkx", "matplotlib")

STREAM = "<article><img src=x onerror=alert(1)>"
HOSTILE = "<script>alert('x')</script> & \"q\" $x^2$ \x1b[2J"


def spikes_of(seed: int, frames: int, count: int) -> list[tuple[int, int]]:
    """Spikes of a dish that is mostly quiet and bursts every second."""
    draw = np.random.default_rng(seed)
    times = np.where(
        draw.random(count) < 0.5,
        draw.integers(0, frames, count),
        draw.integers(0, frames // 25_000, count) * 25_000 + draw.integers(0, 2500, count),
    )
    channels = draw.choice([c for c in range(8, 56) if c not in (7, 56)], count)
    return sorted(zip(times.tolist(), channels.tolist(), strict=True))


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    """Matplotlib keeps the files of its fonts open, from its first drawing on."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.set_title("$x$ x")
    axes.set_xscale("log")
    figure.savefig(io.BytesIO())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose name, attributes and streams try to be more than text."""
    path = tmp_path_factory.mktemp("page") / (HOSTILE.replace("/", "∕") + ".h5")
    writer = RecordingWriter(path)
    spikes = np.array(spikes_of(1, 100_000, 1500))
    writer.append_samples(np.zeros((100_000, 64), np.int16))
    shapes = np.random.default_rng(2).normal(0, 20, (1500, 75)).astype(np.float32)
    writer.append_spikes(spikes[:, 0], spikes[:, 1].astype(np.uint8), shapes)
    writer.append_stims(range(10_000, 90_000, 10_000), [20] * 8)
    writer.add_stream(STREAM, {})
    writer.append_stream(STREAM, 5, pack({"<b>$": 1, "_": 2}))
    writer.finish()
    return path


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "source", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def page(hostile: Path) -> Page:
    """The page of the hostile recording, made as the command makes it."""
    out = hostile.with_name("page.html")
    settings = ["--set", "psth.blank_sec=0.002", "--set", "criticality.n_bootstraps=5"]
    assert main(["analyse", str(hostile), "--html", str(out), *settings]) == 0
    assert {path.name for path in hostile.parent.iterdir()} == {hostile.name, "page.html"}
    return Page(out.read_text(encoding="utf-8"))


def cards(page: Page) -> set[str]:
    return {found["id"] for tag, found in page.tags if tag == "article" and "id" in found}


def test_the_page_needs_nothing_but_itself(page: Page) -> None:
    assert not page.open, "a tag was not closed"
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "svg"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith(("data:image/", "#", "data:"))
    policy = next(found["content"] for _, found in page.tags if "http-equiv" in found)
    assert policy.startswith("default-src 'none'")


def test_the_page_has_every_metric_and_picture_in_light_and_dark(page: Page) -> None:
    assert cards(page) == {*METRICS, *PICTURES}
    images = [found["src"] for tag, found in page.tags if tag == "img"]
    dark = [found["srcset"] for tag, found in page.tags if tag == "source"]
    assert len(images) == len(dark) >= len(cards(page)) + 1
    same = sum(light == other for light, other in zip(images, dark, strict=True))
    assert same <= 1, "of all but the graph, which has neither axes nor texts around it, there are two"
    assert "Not computed" not in page.text


def test_names_on_the_page_are_text(page: Page) -> None:
    assert "<script>alert('x')<∕script> & \"q\" $x^2$" in page.text
    assert STREAM in page.text
    assert "\x1b" not in page.text


def test_the_page_states_arguments_and_which_of_them_were_set(page: Page) -> None:
    assert "bin_size_sec=0.1, onset_freq_hz=5.0, offset_freq_hz=1.0, min_active_channels=None" in page.text
    assert "bin_size_sec=0.005, start_sec=0.05, end_sec=0.05, num_channels=8" in page.text
    assert sum(tag == "b" for tag, _ in page.tags) == 2
    assert "blank_sec=0.002" in page.text and "n_bootstraps=5" in page.text


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "r.h5", 50_000, spikes_of(3, 50_000, 400), start_timestamp=100)


QUICK = ["--set", "criticality.n_bootstraps=2"]


def test_json_has_the_results_and_the_arguments(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", str(recording), "--json", "--set", "network_bursts.onset_freq_hz=2", *QUICK]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["files"] == [str(recording)]
    assert list(found["metrics"]) == list(METRICS)
    bursts = found["metrics"]["network_bursts"]
    assert bursts["arguments"] == {
        "bin_size_sec": 0.1,
        "onset_freq_hz": 2,
        "offset_freq_hz": 1.0,
        "min_active_channels": None,
    }
    with RecordingView(recording) as view:
        wanted = json.loads(view.analyse_network_bursts(0.1, 2, 1).model_dump_json())
    assert bursts["result"] == wanted


def test_text_has_the_figures_of_the_metrics_asked_for(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", str(recording), "--metric", "firing_stats,dct-features"]) == 0
    told = capsys.readouterr()
    assert "Firing statistics  (bin_size_sec=0.1)" in told.out and "Spatial frequencies" in told.out
    assert "bursts" not in told.out and told.err == ""
    assert re.search(r"spikes +400\n", told.out)


def test_files_are_analysed_one_by_one_or_as_one(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = write_recording(tmp_path / "s.h5", 25_000, spikes_of(4, 25_000, 50), start_timestamp=60_000)
    given = ["analyse", str(later), str(recording), "--json", "--metric", "network_bursts"]
    assert main(given) == 0
    assert [each["files"] for each in json.loads(capsys.readouterr().out)] == [[str(later)], [str(recording)]]
    assert main([*given, "--join"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["files"] == [str(recording), str(later)]
    with open_many([later, recording]) as view:
        wanted = view.analyse_network_bursts(0.1, 5, 1).network_burst_count
    assert found["metrics"]["network_bursts"]["result"]["network_burst_count"] == wanted
    out = tmp_path / "joined.html"
    assert main([*given[:3], "--join", "--metric", "isi,dct_features", "--html", str(out)]) == 0
    page = Page(out.read_text())
    assert {found["id"] for tag, found in page.tags if tag == "article" and "id" in found} == {
        "isi",
        "dct_features",
    }


def test_what_a_recording_refuses_is_told_beside_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path / "r.h5", 1000, [(5, 0), (6, 8)])  # a spike on a grounded channel
    chosen = ["--metric", "firing_stats,dct_features"]
    assert main(["analyse", str(path), *chosen]) == 1
    text = capsys.readouterr().out
    assert "not computed: " in text and "channels that fire" in text
    assert main(["analyse", str(path), *chosen, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert "result" in found["metrics"]["firing_stats"] and "refused" in found["metrics"]["dct_features"]
    out = tmp_path / "o.html"
    assert main(["analyse", str(path), *chosen, "--html", str(out)]) == 1
    assert Page(out.read_text()).text.count("Not computed: ") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--metric", "nothing"], r"--metric nothing: .*firing_stats"),
        (["--set", "k=8"], r"--set k=8: .*like"),
        (["--set", "dct_features.k"], r"--set dct_features.k: .*like"),
        (["--set", "dct.k=8"], r"--set dct.k=8: there is no 'dct'"),
        (["--set", "dct_features.q=8"], r".*no argument 'q', it has k"),
        (["--set", "dct_features.k=8; import os"], r".*'8; import os' is no number"),
        (["--set", "dct_features.k=0"], r"dct_features: k .*0"),
        (["--set", "dct_features.k='8'"], r"dct_features: k .*'8'"),
        (["--set", "psth.channels=[64]", "--html", "x.html"], r"psth: .*64"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_written(
    recording: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(recording.parent)
    assert main(["analyse", str(recording), *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == "" and re.search(f"python -m cl analyse: {says}", told.err), told.err
    assert [path.name for path in recording.parent.iterdir()] == ["r.h5"]


def test_settings_are_plain_values_of_known_arguments() -> None:
    settings = Settings((), ["criticality.duration_thresholds=(3, 6)", "isi.channels=[8, 9]"])
    assert settings.arguments("criticality")["duration_thresholds"] == (3, 6)
    assert settings.arguments("criticality")["bin_size_sec"] == 0.004
    assert settings.arguments("isi") == {
        "channels": [8, 9],
        "max_sec": 0.5,
        "bin_size_sec": 0.005,
        "blank_sec": 0.0,
    }
    assert settings.metrics == list(METRICS)


def test_a_file_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.h5").write_text("nothing")
    assert main(["analyse", str(tmp_path / "x.h5")]) == 1
    assert "x.h5 is not an HDF5 file" in capsys.readouterr().err


def test_a_page_without_matplotlib_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path / "a.h5", 1000, [(3, 9)])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(RecordingView, "__init__", lambda *_: pytest.fail("the recording was opened"))
    assert main(["analyse", str(path), "--html", str(tmp_path / "page.html")]) == 1
    assert "pip install 'cl-aio[analysis]'" in capsys.readouterr().err
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_what_is_joined_is_named_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cl._values import progress

    labels: list[str | None] = []
    monkeypatch.setattr(progress.Progress, "to", lambda self, done, label=None: labels.append(label))
    paths = [
        str(write_recording(tmp_path / f"{i}.h5", 1000, [(3, 9)], start_timestamp=i * 1000)) for i in (1, 2)
    ]
    assert main(["analyse", *paths, "--join", "--json", "--metric", "dct_features"]) == 0
    assert labels == [f"opening {paths[0]}", f"opening {paths[1]}", "dct_features"]
