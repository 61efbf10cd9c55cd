"""What an operator edits or runs: policies, articles, the demo, the embedded engine, manifests."""
