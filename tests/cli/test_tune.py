"""``sfumato tune``, and guidance on the command line."""

import json

from sfumato.run import Run


def test_tune_tells_what_it_found(sfumato, runs):
    runs("plain")
    result = sfumato("tune", "plain", "--steps", "3", "--examples", "3", "--rounds", "1")
    assert result.code == 0
    assert "tuned for 3 evaluations" in result.out and "best untuned" in result.out


def test_tune_as_json(sfumato, runs):
    runs("plain")
    result = sfumato("tune", "plain", "--steps", "3", "--examples", "3", "--rounds", "1", "--json")
    found = json.loads(result.out)
    assert found["steps"] == 3 and found["sampler"]["kind"] == "tuned"
    assert found["error"] > 0 and "path" in found


def test_guidance_is_kept_in_the_sample_and_made_again(sfumato, runs, tmp_path):
    runs("unet")
    first = ("sample", "unet", "-n", "1", "--steps", "3", "--scale", "2", "--out", "a")
    assert sfumato(*first, "--guidance", "apg", "--interval", "0.1", "0.9").code == 0
    assert sfumato("sample", "--like", "a/00000.png", "--out", "b").code == 0
    assert (tmp_path / "a/00000.png").read_bytes() == (tmp_path / "b/00000.png").read_bytes()
    plain = sfumato(*first[:-1], "c")
    assert plain.code == 0
    assert (tmp_path / "a/00000.png").read_bytes() != (tmp_path / "c/00000.png").read_bytes()


def test_unknown_guidance_is_refused_with_a_suggestion(sfumato, runs):
    runs("unet")
    result = sfumato("sample", "unet", "--guidance", "rescale")
    assert result.code == 2 and "rescaled" in result.err
    result = sfumato("sample", "unet", "--interval", "0.9", "0.1")
    assert result.code == 2 and "interval" in result.err


def test_guidance_by_early_weights_needs_no_labels(sfumato, runs):
    runs("plain")
    directory = Run.open("plain").directory
    for old in directory.early.glob("*"):
        old.unlink()
    result = sfumato("sample", "plain", "-n", "1", "--steps", "2", "--guidance", "auto")
    assert result.code != 0 and "early weights" in result.err
    directory.early.mkdir(exist_ok=True)
    early = directory.early / "step-1.safetensors"
    early.write_bytes(directory.model.read_bytes())
    result = sfumato("sample", "plain", "-n", "1", "--steps", "2", "--guidance", "auto")
    assert result.code == 0
