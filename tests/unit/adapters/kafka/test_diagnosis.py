"""From what kafka-python says to what people can do."""

import pytest
from kafka import errors as kafka

from stream.adapters.kafka.diagnosis import diagnosis, is_certain, not_there
from stream.adapters.settings import Settings

BAD_CERTIFICATE = kafka.KafkaConnectionError("[SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate")
CLOSED = kafka.KafkaConnectionError("socket disconnected")
PASSWORD = {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "me", "SASL_PASSWORD": "s3cret"}


def said(*errors: Exception, **variables: str) -> str:
    settings = Settings.read({f"CANARY_{name}": value for name, value in {"BROKER": "k:1", **variables}.items()})
    return diagnosis(settings, errors).removeprefix("the broker at k:1 ")


@pytest.mark.parametrize(
    ("error", "variables", "words"),
    [
        (
            kafka.SaslAuthenticationFailedError("Authentication failed: Invalid username or password"),
            PASSWORD,
            "does not let us in: wrong name or password for me by PLAIN; mend CANARY_SASL_... (Authentication failed:"
            " Invalid username or password)",
        ),
        (
            kafka.SaslAuthenticationFailedError("expired"),
            {"SASL_TOKEN_FILE": "/token"},
            "does not let us in: the token in /token is wrong or too old; mend CANARY_SASL_TOKEN_FILE (expired)",
        ),
        (
            kafka.UnsupportedSaslMechanismError(),
            PASSWORD,
            "does not offer PLAIN; set CANARY_SASL_MECHANISM to one that it offers",
        ),
        (
            kafka.IllegalSaslStateError(),
            PASSWORD,
            "asks for no name or token there; set CANARY_SECURITY_PROTOCOL to PLAINTEXT",
        ),
        (
            kafka.IllegalSaslStateError(),
            {**PASSWORD, "SECURITY_PROTOCOL": "SASL_SSL"},
            "asks for no name or token there; set CANARY_SECURITY_PROTOCOL to SSL",
        ),
        (
            BAD_CERTIFICATE,
            {"SECURITY_PROTOCOL": "SSL"},
            "wants a certificate of ours that it trusts; set CANARY_SSL_CERTIFICATE and CANARY_SSL_KEY",
        ),
    ],
)
def test_what_is_certain(error: Exception, variables: dict[str, str], words: str) -> None:
    assert is_certain([error])
    assert said(error, **variables) == words
    assert "s3cret" not in said(error, **variables)


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ([], "cannot be used as PLAINTEXT; see its log"),
        ([kafka.KafkaConnectionError("odd")], "cannot be used as PLAINTEXT (odd); see its log"),
        (
            [kafka.RequestTimedOutError("Request timed out after 999 ms")],
            "takes connections, but does not answer; is it starting, frozen, or no Kafka broker?",
        ),
        (
            [kafka.RequestTimedOutError(), CLOSED],
            "closes the connection to PLAINTEXT clients; set CANARY_SECURITY_PROTOCOL to what it is",
        ),
    ],
)
def test_what_may_pass(errors: list[Exception], words: str) -> None:
    assert not is_certain(errors)
    assert said(*errors) == words


def test_one_that_closes_often_goes_on_to_do_so() -> None:
    assert not is_certain([CLOSED, CLOSED])
    assert is_certain([CLOSED, CLOSED, CLOSED])


def test_an_address_that_only_the_broker_knows() -> None:
    failed = {"kafka:9092": OSError("x"), "10.0.0.1:9092": TimeoutError("timed out")}
    assert not_there(failed, "localhost:29092") == (
        "the broker at localhost:29092 answers, but says that it is to be reached at kafka:9092 (x), 10.0.0.1:9092 (no"
        " answer); mend its advertised.listeners, or make that address reachable from here"
    )
