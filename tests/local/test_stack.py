"""A deployment into the emulator says every parameter, whatever the one before it said."""

from pathlib import Path

from local.stack import declared
from tests.template.parsed import ROOT, values


def test_an_option_that_is_no_longer_given_is_the_templates_default_again() -> None:
    assert declared(ROOT / "template.yaml") == values()


def test_a_template_without_parameters_declares_none(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n")

    assert declared(template) == {}
