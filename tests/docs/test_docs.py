"""The pages hold what the code and the template say, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from charthouse.telemetry import METRICS

from tests.template.parsed import PARAMETERS, ROOT, resources

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.joinpath("docs").rglob("*.md"), ROOT / "tests" / "model" / "README.md"],
)
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
OPTIONS = ROOT / "docs" / "options.md"
OPERATIONS = ROOT / "docs" / "operations.md"
MUSEUM = Path(__file__).with_name("chartmuseum-options.txt")

_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\|", re.MULTILINE)
_MUSEUM_ROW = re.compile(r"^\| `([^`]+)` \| `(--[^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|Users)/|[A-Z]:\\")


@EACH_PAGE
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if not link.startswith(("http://", "https://"))]

    broken = [link for link in links if not _resolves(page, link)]

    assert not broken


@EACH_PAGE
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    assert not _MACHINE_PATH.findall(page.read_text())


@EACH_PAGE
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    # In code only: "make sure" is English.
    code = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", page.read_text(), re.DOTALL)
    named = {name for blocks in code for text in blocks for name in _targets(text)}

    assert named <= targets


@pytest.mark.parametrize("page", [ROOT / "README.md", OPTIONS], ids=["README.md", "docs/options.md"])
def test_a_table_of_parameters_has_each_with_its_default(page: Path) -> None:
    given = {name: str(parameter["Default"]) for name, parameter in PARAMETERS.items()}

    told = dict(_ROW.findall(_parameters_part(page)))

    assert told == given


def test_every_option_of_chartmuseum_is_mapped_or_explained() -> None:
    known = [tuple(line.split()) for line in MUSEUM.read_text().splitlines() if not line.startswith("#")]

    mapped = _MUSEUM_ROW.findall(OPTIONS.read_text())

    assert [(key, flag) for key, flag, _, _ in mapped] == known
    assert all(reason.strip() for *_, reason in mapped)


def test_the_options_chartmuseums_are_mapped_to_are_parameters_of_the_template() -> None:
    mapped = _MUSEUM_ROW.findall(OPTIONS.read_text())

    named = {name for *_, here, _ in mapped for name in re.findall(r"`([A-Z][a-z]\w+)", here)}

    assert named
    assert named <= set(PARAMETERS)


def test_every_alarm_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+Alarm)` \|", OPERATIONS.read_text(), re.MULTILINE))

    assert explained == set(resources("AWS::CloudWatch::Alarm"))


def test_every_event_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", OPERATIONS.read_text(), re.MULTILINE))

    assert explained == _events()


def test_every_metric_is_explained_with_its_unit() -> None:
    rows = re.findall(
        r"^\| `([A-Z]\w+)` \| (\w+) \|", OPERATIONS.read_text().split("## Metrics")[1].split("\n## ")[0], re.MULTILINE
    )

    assert dict(rows) == {metric.name: metric.unit for metric in METRICS.values()}


def test_a_decision_says_when_it_was_made_and_stays_on_one_page() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    texts = {page.name: page.read_text() for page in decisions}

    assert texts
    assert not [name for name, text in texts.items() if not re.search(r"^20\d\d-\d\d-\d\d$", text, re.MULTILINE)]
    assert not [name for name, text in texts.items() if text.count("\n") > 40]


def _resolves(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not anchor or anchor in {_anchor(heading) for heading in _headings(target)}


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)


def _anchor(heading: str) -> str:
    """Return the anchor a heading gets on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _targets(text: str) -> list[str]:
    return re.findall(r"(?<![\w/.-])make(?: -s)? ([a-z][a-z-]*)", text)


def _parameters_part(page: Path) -> str:
    return page.read_text().split("## ChartMuseum's options")[0]


def _events() -> set[str]:
    sources = [*ROOT.joinpath("layers").rglob("*.py"), *ROOT.joinpath("functions").rglob("*.py")]
    recorded = re.compile(r'\.(?:record|fail)\(\s*"([a-z_]+)"')
    return {event for source in sources for event in recorded.findall(source.read_text())}
