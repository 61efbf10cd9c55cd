"""MongoDB, and files of SQLite that hold copies."""
