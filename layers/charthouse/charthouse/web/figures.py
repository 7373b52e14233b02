"""Figures of requests for CloudWatch, in its embedded metric format: a line of JSON in the log that becomes metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json

NAMESPACE = "charthouse"
UNITS = {"Requests": "Count", "Refusals": "Count", "Failures": "Count", "RequestSeconds": "Seconds"}
"""The metrics. Their one dimension is the stack: every value of another would be a metric to pay for by itself."""


def request_figures(service: str, status: int, seconds: float, at: float) -> str:
    """Return the line for one answered request; `at` is in seconds since the epoch."""
    figures = {
        "Requests": 1,
        "Refusals": int(400 <= status < 500),  # noqa: PLR2004  the classes of RFC 9110, section 15
        "Failures": int(status >= 500),  # noqa: PLR2004
        "RequestSeconds": seconds,
    }
    metrics = [{"Name": name, "Unit": unit} for name, unit in UNITS.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}
    return json.dumps(
        {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}, "service": service} | figures
    )
