"""Metric math: expressions over time series, as CloudWatch's GetMetricData and alarms evaluate them. Pure.

    text ── grammar ──> tree ── evaluation, functions ──> a number, a time series, or several of them

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""
