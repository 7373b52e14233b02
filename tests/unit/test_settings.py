"""Settings: the environment, read once, checked and typed."""

from dataclasses import fields

import pytest
from charthouse.settings import MAX_UPLOAD_SIZE, Access, Layout, Paths, Rules, Settings, Site, Storage


def test_an_empty_environment_is_all_defaults() -> None:
    assert Settings.read({}) == Settings()


def test_an_empty_variable_is_the_default() -> None:
    """The template sets every variable, also those whose parameter is empty."""
    assert Settings.read(dict.fromkeys(variables(), "")) == Settings()


def test_every_option_reaches_its_place() -> None:
    environ = {
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://localhost:4566/",
        "POWERTOOLS_SERVICE_NAME": "charthouse",
        "CHARTHOUSE_BUCKET": "bucket",
        "CHARTHOUSE_TABLE": "table",
        "CHARTHOUSE_STORAGE_AMAZON_PREFIX": "/helm/charts/",
        "CHARTHOUSE_STORAGE_AMAZON_SSE": "aws:kms",
        "CHARTHOUSE_KMS_KEY_ARN": "arn:key",
        "CHARTHOUSE_DEPTH": "2",
        "CHARTHOUSE_DEPTH_DYNAMIC": "true",
        "CHARTHOUSE_CONTEXT_PATH": "base/path/",
        "CHARTHOUSE_CHART_URL": "https://charts.example.com/",
        "CHARTHOUSE_ALLOW_OVERWRITE": "true",
        "CHARTHOUSE_DISABLE_FORCE_OVERWRITE": "true",
        "CHARTHOUSE_DISABLE_API": "true",
        "CHARTHOUSE_DISABLE_DELETE": "true",
        "CHARTHOUSE_DISABLE_OCI": "true",
        "CHARTHOUSE_MAX_UPLOAD_SIZE": "1000",
        "CHARTHOUSE_MAX_STORAGE_OBJECTS": "5",
        "CHARTHOUSE_MAX_INDEX_SIZE": "2000000",
        "CHARTHOUSE_PER_CHART_LIMIT": "3",
        "CHARTHOUSE_CHART_POST_FORM_FIELD_NAME": "file",
        "CHARTHOUSE_PROV_POST_FORM_FIELD_NAME": "signature",
        "CHARTHOUSE_BEARER_AUTH": "true",
        "CHARTHOUSE_AUTH_REALM": "https://auth.example.com",
        "CHARTHOUSE_AUTH_SERVICE": "charts",
        "CHARTHOUSE_AUTH_PUBLIC_KEY": "key",
        "CHARTHOUSE_AUTH_ACTIONS_SEARCH_PATH": "actions",
        "CHARTHOUSE_BASIC_AUTH_USER": "ann",
        "CHARTHOUSE_BASIC_AUTH_SECRET": "arn:secret",
        "CHARTHOUSE_AUTH_ANONYMOUS_GET": "true",
        "CHARTHOUSE_ALLOW_ANONYMOUS_PUSH": "true",
        "CHARTHOUSE_ACCESS_POLICY": "true",
        "CHARTHOUSE_ALLOW_TOKENS_WITHOUT_EXPIRY": "true",
        "CHARTHOUSE_CORS_ALLOW_ORIGIN": "*",
        "CHARTHOUSE_ARTIFACT_HUB_REPO_ID": "id",
        "CHARTHOUSE_ENABLE_METRICS": "true",
        "CHARTHOUSE_ALARMS": "true",
        "CHARTHOUSE_LOG_HEALTH": "true",
        "CHARTHOUSE_LOG_LEVEL": "DEBUG",
    }

    settings = Settings.read(environ)

    assert variables() == environ.keys(), "every variable that is read, and no other"
    assert settings == Settings(
        Storage("bucket", "table", "eu-central-1", "helm/charts", "aws:kms", "arn:key", "http://localhost:4566"),
        Paths(2, depth_dynamic=True, context_path="/base/path"),
        Layout("https://charts.example.com", "/base/path"),
        Rules(
            allow_overwrite=True,
            disable_force_overwrite=True,
            disable_api=True,
            disable_delete=True,
            disable_oci=True,
            max_upload_size=1000,
            max_storage_objects=5,
            max_index_size=2_000_000,
            per_chart_limit=3,
            chart_field="file",
            prov_field="signature",
        ),
        Access(
            bearer_auth=True,
            realm="https://auth.example.com",
            service="charts",
            public_key="key",
            actions_search_path="actions",
            basic_user="ann",
            basic_secret="arn:secret",
            anonymous_get=True,
            anonymous_push=True,
            policy=True,
            unlimited_tokens=True,
        ),
        Site(
            cors_allow_origin="*",
            artifact_hub_repo_ids={"": "id"},
            enable_metrics=True,
            alarms=True,
            log_health=True,
            log_level="DEBUG",
            service="charthouse",
        ),
    )


def test_the_functions_process_is_read_where_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTHOUSE_BUCKET", "from the process")

    assert Settings.read().storage.bucket == "from the process"


@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_a_flag_is_set_by_true_however_it_is_written(value: str) -> None:
    assert Settings.read({"CHARTHOUSE_DISABLE_API": value}).rules.disable_api


@pytest.mark.parametrize("value", ["yes", "1", "on", "treu"])
def test_a_flag_that_is_neither_is_refused_by_its_name(value: str) -> None:
    """A misspelt `DISABLE_DELETE` must not leave deletes on."""
    with pytest.raises(ValueError, match=rf"^CHARTHOUSE_DISABLE_DELETE must be true or false, not '{value}'$"):
        Settings.read({"CHARTHOUSE_DISABLE_DELETE": value})


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "1e3", "²", "0x10"])
def test_a_number_that_is_none_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(ValueError, match=r"^CHARTHOUSE_MAX_UPLOAD_SIZE must be a whole number, not "):
        Settings.read({"CHARTHOUSE_MAX_UPLOAD_SIZE": value})


@pytest.mark.parametrize(
    ("written", "path"), [("", ""), ("/", ""), ("base", "/base"), ("/base/", "/base"), ("//a//b//", "/a/b")]
)
def test_a_context_path_has_one_slash_before_each_segment_and_none_at_its_end(written: str, path: str) -> None:
    settings = Settings.read({"CHARTHOUSE_CONTEXT_PATH": written})

    assert settings.paths.context_path == settings.layout.context_path == path


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("", {}),
        ("id", {"": "id"}),
        ("team=id", {"team": "id"}),
        ("id, org1/repo1=id1 ,/team/=id2,", {"": "id", "org1/repo1": "id1", "team": "id2"}),
        ("team=", {}),
    ],
)
def test_artifact_hub_ids_are_of_the_whole_site_or_of_a_repository(written: str, ids: dict[str, str]) -> None:
    assert Settings.read({"CHARTHOUSE_ARTIFACT_HUB_REPO_ID": written}).site.artifact_hub_repo_ids == ids


def test_the_largest_upload_fits_lambdas_request_as_base64() -> None:
    """6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
    assert MAX_UPLOAD_SIZE * 4 / 3 + 10_240 < 6 * 1024 * 1024


def test_settings_cannot_be_changed() -> None:
    settings = Settings.read({})

    for part in (settings, *(getattr(settings, field.name) for field in fields(settings))):
        with pytest.raises(AttributeError):
            setattr(part, fields(part)[0].name, "changed")


def variables() -> set[str]:
    """Return the names of the variables that are read, by reading them."""
    asked: set[str] = set()

    class Listening(dict[str, str]):
        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
            asked.add(name)
            return default

    Settings.read(Listening())
    return asked
