"""The modules of the read function load without the SDK, and without HTTP until something is sent."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["access", "http", "keys", "presign", "secrets"])
def test_a_module_of_the_read_function_imports_nothing_heavy(module: str) -> None:
    heavy = {"boto3", "botocore", "aws_lambda_powertools", "ssl", "http.client", "urllib.request", "asyncio"}
    program = f"import sys, charthouse.aws.{module}; print(sorted({heavy!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
