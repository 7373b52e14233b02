"""Lines of the emulator's log that must not be there at the end."""

from pathlib import Path

import pytest

from tests.acceptance.deployment import failures


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the PutObject operation",
        "User: arn:aws:sts::000000000000:assumed-role/x is not authorized to perform: dynamodb:Scan",
        '{"level": "ERROR", "message": "failed", "request_id": "1"}',
        '{"level":"ERROR","message":"failed"}',
        "Task timed out after 25.00 seconds",
        "Runtime.ImportModuleError: Unable to import module 'app'",
    ],
)
def test_an_unhandled_error_is_found(tmp_path: Path, line: str) -> None:
    log = tmp_path / "emulator.log"
    log.write_text(f'INFO started\n{line}\n{{"level": "INFO", "message": "answered", "status": 404}}\n')

    assert failures(log) == [line]
