"""What was measured over time: CloudWatch series, timelines and the anomalies a fault must leave on the dashboard."""

from plugins.telemetry.anomaly import Anomaly, AnomalyResult
from plugins.telemetry.cloudwatch import Metric, read
from plugins.telemetry.cpu import cpu_metric
from plugins.telemetry.dashboard import charted
from plugins.telemetry.timeline import Series, Span, Timeline

__all__ = ["Anomaly", "AnomalyResult", "Metric", "Series", "Span", "Timeline", "charted", "cpu_metric", "read"]
