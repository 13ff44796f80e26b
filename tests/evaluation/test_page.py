from __future__ import annotations

import io

from PIL import Image

from sfumato.evaluation.display import AudioClips, Display, Images, Line, Plot, Texts
from sfumato.evaluation.page import comparison_page, report_page, sampling_text
from tests.evaluation.markup import harmless
from tests.evaluation.reports import HOSTILE, compared, report


def png(width: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, 4)).save(stream, format="PNG")
    return stream.getvalue()


EXHIBITS: tuple[Display, ...] = (
    Images("samples", "not chosen", (("few", png(32)), (HOSTILE, png(900)))),
    AudioClips("to listen to", "first ones", (("kick", b"fLaC...."), (HOSTILE, b"RIFF...."))),
    Texts("to read", "first ones", (("sample 0", HOSTILE),)),
    Plot("course", "by step", "steps", "loss", (Line("held-out", (1.0, 2.0), (0.5, 0.4)),)),
)


def test_everything_can_be_read_and_nothing_runs() -> None:
    found = report()
    read = harmless(report_page(found, EXHIBITS))
    for _, figure in found.figures():
        for text in (figure.title, figure.text, figure.real_text, figure.n_text, figure.flag):
            assert text is None or text in read.text
    for section in found.sections:
        assert section.title in read.text
        assert section.about in read.text
        assert section.extractor is None or section.extractor in read.text
    for note in found.notes:
        assert note in read.text
    for text in ("aaaaaaaaaaaaaaaa (best, step 1,200)", HOSTILE, "82, from elsewhere", "shots"):
        assert text in read.text


def test_exhibits_are_inside() -> None:
    html = report_page(report(), EXHIBITS)
    read = harmless(html)
    kinds = [source.split(";")[0] for source in read.sources]
    assert kinds == ["data:image/png", "data:image/png", "data:audio/flac", "data:audio/wav"]
    assert read.tags.count("audio") == 2
    assert "svg" in read.tags
    for exhibit in EXHIBITS:
        assert exhibit.title in read.text


def test_small_pictures_keep_their_pixels() -> None:
    html = report_page(report(), EXHIBITS)
    assert html.count('<img class="small"') == 1
    assert html.count("<img") == 2


def test_how_samples_were_made_in_a_line() -> None:
    told = {"n": 600, "sampler": {"kind": "adams", "order": 3}, "label": None, "scale": 2.0}
    assert sampling_text(told) == "n 600, sampler adams, scale 2.0"


def test_a_report_without_exhibits() -> None:
    assert "distance, log-mel" in harmless(report_page(report(), ())).text


def test_both_runs_stand_side_by_side() -> None:
    found = compared()
    plot = Plot("quality against steps", "lower is better", "steps", "distance",
                (Line("one", (5.0, 10.0), (2.0, 1.0)),))  # fmt: skip
    read = harmless(comparison_page(found, (plot,)))
    for row in found.rows:
        for text in (row.title, row.ours.text, row.theirs.text, row.verdict):
            assert text in read.text
    for text in ("one", "<other>", "-0.500 (-0.900 to -0.100)", "paired", HOSTILE, plot.title):
        assert text in read.text
    assert read.tags.count("table") == 1
    assert "svg" in read.tags
