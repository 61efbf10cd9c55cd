"""What every HTTP service has: limits for strangers, problem documents, headers, strict JSON."""
