"""The settings by which every process reaches Kafka."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from shared.kafka.access import MECHANISMS, BadAccess, KafkaAccess, check_access, read_access

KAFKA_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


def _customary(name: str) -> AliasChoices:
    """`KAFKA_X`, as everybody calls it, and `SIGNALBOX_KAFKA_X`."""
    return AliasChoices(name, f"SIGNALBOX_{name}")


class KafkaSettings(BaseSettings):
    """How Kafka is reached. Certificates and keys are PEM texts, or files by `<VARIABLE>_FILE`.

    Once built, `kafka_bootstrap_servers` holds all of it as one address (`shared/kafka/access.py`),
    passwords and keys as well: it is what every client takes.
    """

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092",
        validation_alias=_customary("KAFKA_BOOTSTRAP_SERVERS"),
        repr=False,
        description="host:port with commas between them, or a whole address (kafka+ssl://…)",
    )
    kafka_url: str = Field(
        "",
        validation_alias=_customary("KAFKA_URL"),
        repr=False,
        description="the same as Heroku says it; read where KAFKA_BOOTSTRAP_SERVERS is not set",
    )
    kafka_security_protocol: str = Field(
        "",
        validation_alias=_customary("KAFKA_SECURITY_PROTOCOL"),
        pattern=f"^({'|'.join(KAFKA_PROTOCOLS)})?$",
        description=f"{', '.join(KAFKA_PROTOCOLS)}; empty: what the other settings need",
    )
    kafka_sasl_mechanism: str = Field(
        "",
        validation_alias=_customary("KAFKA_SASL_MECHANISM"),
        pattern=f"^({'|'.join(MECHANISMS)})?$",
        description=f"{', '.join(MECHANISMS)}; empty: no login",
    )
    kafka_sasl_username: str = Field(
        "",
        validation_alias=_customary("KAFKA_SASL_USERNAME"),
        description="with OAUTHBEARER the client's id",
    )
    kafka_sasl_password: SecretStr | None = Field(
        None,
        validation_alias=_customary("KAFKA_SASL_PASSWORD"),
        description="with OAUTHBEARER the client's secret",
    )
    kafka_token_url: str = Field(
        "",
        validation_alias=_customary("KAFKA_TOKEN_URL"),
        pattern=r"^$|^https://|^http://(127\.0\.0\.1|localhost)[:/]",
        description="OAUTHBEARER: where tokens are given (client credentials grant)",
    )
    kafka_token_scope: str = Field(
        "",
        validation_alias=_customary("KAFKA_TOKEN_SCOPE"),
        description="with OAUTHBEARER the scope that is asked for, if any",
    )
    kafka_trusted_cert: str = Field(
        "",
        validation_alias=_customary("KAFKA_TRUSTED_CERT"),
        repr=False,
        description="the certificate of the authority that Kafka's certificates are checked with",
    )
    kafka_client_cert: str = Field(
        "",
        validation_alias=_customary("KAFKA_CLIENT_CERT"),
        repr=False,
        description="our certificate, where Kafka asks for one",
    )
    kafka_client_cert_key: SecretStr | None = Field(
        None,
        validation_alias=_customary("KAFKA_CLIENT_CERT_KEY"),
        description="its key, without a password",
    )
    kafka_check_hostname: bool | None = Field(
        None,
        validation_alias=_customary("KAFKA_CHECK_HOSTNAME"),
        description="whether a server's certificate must name it; by default yes, and no with "
        "KAFKA_URL and KAFKA_TRUSTED_CERT: Heroku's certificates do not",
    )

    @model_validator(mode="after")
    def _make_one_address(self) -> KafkaSettings:
        self.kafka_bootstrap_servers = _access_of(self).address
        return self


def _access_of(settings: KafkaSettings) -> KafkaAccess:
    """All the settings as one. What the address says by itself needs no setting beside it. Raises
    BadAccess.
    """
    # KAFKA_URL counts only where nobody has set the servers themselves.
    by_url = bool(settings.kafka_url) and (
        "kafka_bootstrap_servers" not in settings.model_fields_set
    )
    said = read_access(settings.kafka_url if by_url else settings.kafka_bootstrap_servers)
    password, key = settings.kafka_sasl_password, settings.kafka_client_cert_key
    # What the address says wins over the settings beside it.
    trusted = said.trusted_cert or settings.kafka_trusted_cert
    client = said.client_cert or settings.kafka_client_cert
    protocol = settings.kafka_security_protocol
    # A protocol that is set must not contradict the address: silence here would mean no TLS.
    if protocol and said.tls and not protocol.endswith("SSL"):
        raise BadAccess("KAFKA_SECURITY_PROTOCOL says no TLS, and Kafka's address is kafka+ssl://")
    mechanism = said.mechanism or settings.kafka_sasl_mechanism
    if protocol and protocol.startswith("SASL") != bool(mechanism):
        raise BadAccess("KAFKA_SECURITY_PROTOCOL with SASL and KAFKA_SASL_MECHANISM go together")
    check_hostname = settings.kafka_check_hostname
    # Heroku's certificates name no host; everybody else's must.
    if check_hostname is None:
        check_hostname = said.check_hostname and not (by_url and trusted)
    return check_access(
        KafkaAccess(
            said.servers,
            tls=protocol.endswith("SSL") if protocol else said.tls or bool(trusted or client),
            mechanism=mechanism,
            username=said.username or settings.kafka_sasl_username,
            password=said.password or (password.get_secret_value() if password else ""),
            trusted_cert=trusted,
            client_cert=client,
            client_cert_key=said.client_cert_key or (key.get_secret_value() if key else ""),
            check_hostname=check_hostname,
            token_url=said.token_url or settings.kafka_token_url,
            token_scope=said.token_scope or settings.kafka_token_scope,
        )
    )
