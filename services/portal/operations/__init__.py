"""What operators look at: running pages, figures and reports, lags, disabled webhooks."""
