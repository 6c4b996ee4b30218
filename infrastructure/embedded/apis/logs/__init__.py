"""CloudWatch Logs: records of groups; what containers write goes to files."""
