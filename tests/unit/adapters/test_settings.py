"""Settings: from variables and one file, with errors that name the place."""

from dataclasses import fields
from pathlib import Path

import pytest

from stream.adapters.security import MECHANISMS, PROTOCOLS, Security
from stream.adapters.settings import Settings
from stream.adapters.topics import TELEMETRY, TOPICS
from stream.adapters.written_settings import NAMES, variable
from stream.errors import CanaryError, PolicyError

SECRET = "s3cret-w0rd"


def read(file: Path | None = None, /, **variables: str) -> Settings:
    return Settings.read({f"CANARY_{name}": value for name, value in variables.items()}, file)


def test_a_broker_is_enough() -> None:
    assert read(BROKER="kafka") == Settings(brokers=("kafka:9092",))


def test_without_a_broker_it_says_how_to_name_one() -> None:
    with pytest.raises(CanaryError, match=r"no broker is named; set CANARY_BROKER=host:port") as caught:
        read()
    assert not isinstance(caught.value, PolicyError)


@pytest.mark.parametrize(
    ("text", "brokers"),
    [
        ("a:1", ("a:1",)),
        (" a , b:09093 ,", ("a:9092", "b:9093")),
        ("a,a:9092", ("a:9092",)),
        ("10.0.0.1:9094", ("10.0.0.1:9094",)),
        ("[::1]:9094,[fe80::1]", ("[::1]:9094", "[fe80::1]:9092")),
    ],
)
def test_brokers(text: str, brokers: tuple[str, ...]) -> None:
    assert read(BROKER=text).brokers == brokers


@pytest.mark.parametrize("text", ["a:b", "a:65536", "a:1:2", "::1", "http://a:1", "a b", ",", "user@a:1"])
def test_what_is_no_broker(text: str) -> None:
    with pytest.raises(PolicyError, match=r"\ACANARY_BROKER: (must be host:port|names nothing); got \""):
        read(BROKER=text)


def test_the_prefix_goes_into_the_other_names() -> None:
    settings = read(BROKER="a", PREFIX="shop.canary")
    assert settings.group == "shop.canary-monitor"
    assert settings.telemetry == ("shop.canary.telemetry",)


def test_everything_can_be_set() -> None:
    settings = read(
        BROKER="a",
        PREFIX="p",
        GROUP="g",
        TELEMETRY="one, two",
        LISTEN="0.0.0.0:80",
        CHUNK="100",
        CHECKPOINT="0.5",
        SESSION="6",
        FETCH_WAIT="500",
        LOG="JSON",
        LOG_LEVEL="Info",
    )
    assert settings == Settings(
        ("a:9092",), "p", "g", ("one", "two"), Security(), "0.0.0.0:80", 100, 0.5, 6.0, 500.0, "json", "info"
    )


def test_empty_variables_are_not_given() -> None:
    assert read(BROKER="a", PREFIX="", SASL_PASSWORD=" ", LISTEN="") == read(BROKER="a")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PREFIX", "a/b", 'CANARY_PREFIX: must be letters, digits, `.`, `_` and `-`; got "a/b"'),
        ("PREFIX", "a" * 201, "CANARY_PREFIX: must be letters"),
        ("TELEMETRY", "a b", 'CANARY_TELEMETRY: must be names of topics with commas between them; got "a b"'),
        ("TELEMETRY", "..", "CANARY_TELEMETRY: must be names of topics"),
        ("TELEMETRY", "x,canary.scores", "CANARY_TELEMETRY: canary.scores is a topic that the monitor itself writes"),
        ("LISTEN", "9464", 'CANARY_LISTEN: must be host:port; got "9464"'),
        ("CHUNK", "0", 'CANARY_CHUNK: must be a whole number from 1 to 1,000,000; got "0"'),
        ("CHUNK", "2.5", "CANARY_CHUNK: must be a whole number"),
        ("CHECKPOINT", "nan", 'CANARY_CHECKPOINT: must be a number from 0.1 to 600; got "nan"'),
        ("SESSION", "10s", "CANARY_SESSION: must be a number from 1 to 1,800"),
        ("FETCH_WAIT", "inf", "CANARY_FETCH_WAIT: must be a number from 1 to 10,000"),
        ("LOG", "xml", 'CANARY_LOG: must be one of text, json; got "xml"'),
        ("LOG_LEVEL", "loud", "CANARY_LOG_LEVEL: must be one of debug, info, warning, error"),
        ("BROKERS", "a", "CANARY_BROKERS: no such setting; did you mean CANARY_BROKER?"),
        ("PREFX", "a", "CANARY_PREFX: no such setting; did you mean CANARY_PREFIX?"),
    ],
)
def test_wrong_values(name: str, value: str, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(**{"BROKER": "a", name: value})
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("name", ["CANARY_BROKER_SERVICE_HOST", "CANARY_PORT", "CANARY_TEST_X", "CANARY_NO_CHARTS"])
def test_variables_of_others_pass(name: str) -> None:
    assert Settings.read({"CANARY_BROKER": "a", name: "x"}) == read(BROKER="a")


FILES = {
    "settings.yaml": "broker: [a, b:1]\nchunk: 5\ncheckpoint: 1.5\nsasl_mechanism: PLAIN\nsasl_username: u\nlog: json\n"
    f"sasl_password: {SECRET}\n",
    "settings.toml": 'broker = ["a", "b:1"]\nchunk = 5\ncheckpoint = 1.5\nsasl_mechanism = "PLAIN"\n'
    f'sasl_username = "u"\nlog = "json"\nsasl_password = "{SECRET}"\n',
    "settings.json": '{"broker": ["a", "b:1"], "chunk": 5, "checkpoint": 1.5, "sasl_mechanism": "PLAIN", '
    f'"sasl_username": "u", "log": "json", "sasl_password": "{SECRET}", "prefix": null}}',
}


@pytest.fixture(params=sorted(FILES))
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name: str = request.param
    path = tmp_path / name
    path.write_text(FILES[name])
    return path


def test_a_file(file: Path) -> None:
    settings = read(file)
    assert (settings.brokers, settings.chunk, settings.checkpoint, settings.log) == (("a:9092", "b:1"), 5, 1.5, "json")
    assert settings.security == Security("SASL_PLAINTEXT", "PLAIN", "u", SECRET)
    assert read(SETTINGS=str(file)) == settings


def test_variables_win_over_the_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("other\n")
    settings = read(file, BROKER="c", CHUNK="7", SASL_PASSWORD_FILE=str(tmp_path / "password"))
    assert (settings.brokers, settings.chunk, settings.checkpoint) == (("c:9092",), 7, 1.5)
    assert settings.security.password == "other"


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert read(tmp_path / "a.yaml", BROKER="a") == read(BROKER="a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("brokers: a", 'brokers: unknown setting; did you mean "broker"? known: broker, prefix, '),
        ("canary_prefix: a", 'canary_prefix: unknown setting; did you mean "prefix"? known: '),
        ("zebra: a", "zebra: unknown setting; known: broker, prefix, group, telemetry, security_protocol, "),
        ("broker: {a: 1}", 'broker: must be text or a list of texts; got {"a": 1}'),
        ("broker: []", "broker: must be text or a list of texts; got []"),
        ("chunk: yes please", "chunk: must be a whole number from 1 to 1,000,000; got "),
        ("chunk: true", "chunk: must be a number; got true"),
        ("prefix: 5", "prefix: must be text, in quotes; got 5"),
        ("log: xml", 'log: must be one of text, json; got "xml"'),
        ("sasl_username: u", "sasl_username: needs sasl_mechanism too"),
        ("broker: a: b", "1:10: "),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        read(path, **({} if text.startswith("broker") else {"BROKER": "a"}))
    assert str(caught.value).removeprefix(f"{path}:").lstrip().startswith(words)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nothing\.yaml: no such file"):
        read(tmp_path / "nothing.yaml", BROKER="a")


PASSWORD = {"SASL_USERNAME": "u", "SASL_PASSWORD": SECRET}


@pytest.mark.parametrize(
    ("variables", "protocol", "mechanism"),
    [
        ({}, "PLAINTEXT", None),
        ({"SSL_CA": "ca.pem"}, "SSL", None),
        ({"SSL_CERTIFICATE": "c.pem", "SSL_KEY": "k.pem"}, "SSL", None),
        ({"SECURITY_PROTOCOL": "ssl"}, "SSL", None),
        ({"SASL_MECHANISM": "scram-sha-256", **PASSWORD}, "SASL_PLAINTEXT", "SCRAM-SHA-256"),
        ({"SASL_MECHANISM": "PLAIN", "SSL_CA": "ca.pem", **PASSWORD}, "SASL_SSL", "PLAIN"),
        ({"SASL_TOKEN_FILE": "t"}, "SASL_PLAINTEXT", "OAUTHBEARER"),
        ({"SASL_TOKEN_FILE": "t", "SECURITY_PROTOCOL": "SASL_SSL"}, "SASL_SSL", "OAUTHBEARER"),
    ],
)
def test_the_protocol_follows_from_the_rest(variables: dict[str, str], protocol: str, mechanism: str | None) -> None:
    security = read(BROKER="a", **variables).security
    assert (security.protocol, security.mechanism) == (protocol, mechanism)
    assert security.tls == protocol.endswith("SSL")
    assert security.sasl == (mechanism is not None)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, f"CANARY_SECURITY_PROTOCOL: must be one of {', '.join(PROTOCOLS)}; got "),
        ({"SASL_MECHANISM": "GSSAPI"}, f"CANARY_SASL_MECHANISM: must be one of {', '.join(MECHANISMS)}; got "),
        (PASSWORD, "CANARY_SASL_USERNAME: needs CANARY_SASL_MECHANISM too: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
        ({"SASL_PASSWORD": "p"}, "CANARY_SASL_PASSWORD: needs CANARY_SASL_MECHANISM too"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "CANARY_SECURITY_PROTOCOL: SASL_SSL needs CANARY_SASL_MECHANISM too"),
        (
            {"SECURITY_PROTOCOL": "PLAINTEXT", "SASL_MECHANISM": "PLAIN", **PASSWORD},
            "CANARY_SECURITY_PROTOCOL: PLAINTEXT has no SASL; make it SASL_SSL or SASL_PLAINTEXT",
        ),
        (
            {"SECURITY_PROTOCOL": "SSL", "SASL_MECHANISM": "PLAIN", **PASSWORD},
            "CANARY_SECURITY_PROTOCOL: SSL has no SASL; make it SASL_SSL, or leave out",
        ),
        (
            {"SECURITY_PROTOCOL": "PLAINTEXT", "SSL_CA": "ca.pem"},
            "CANARY_SECURITY_PROTOCOL: PLAINTEXT has no TLS; make it SSL or SASL_SSL",
        ),
        ({"SSL_KEY": "k"}, "CANARY_SSL_KEY: needs CANARY_SSL_CERTIFICATE too"),
        ({"SASL_MECHANISM": "PLAIN"}, "CANARY_SASL_MECHANISM: PLAIN takes CANARY_SASL_USERNAME and CANARY_SASL_PASS"),
        ({"SASL_MECHANISM": "PLAIN", "SASL_TOKEN_FILE": "t", **PASSWORD}, "CANARY_SASL_MECHANISM: PLAIN takes"),
        ({"SASL_MECHANISM": "OAUTHBEARER"}, "CANARY_SASL_MECHANISM: OAUTHBEARER takes CANARY_SASL_TOKEN_FILE, and"),
        ({"SASL_MECHANISM": "OAUTHBEARER", "SASL_TOKEN_FILE": "t", **PASSWORD}, "CANARY_SASL_MECHANISM: OAUTHBEARER"),
        ({"SASL_PASSWORD": "p", "SASL_PASSWORD_FILE": "f"}, "CANARY_SASL_PASSWORD: stands beside CANARY_SASL_PASSWORD"),
    ],
)
def test_what_does_not_fit_together(variables: dict[str, str], words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(BROKER="a", **variables)
    assert str(caught.value).startswith(words)


def test_spaces_of_a_password_belong_to_it() -> None:
    variables = {"SASL_MECHANISM": " PLAIN ", "SASL_USERNAME": " u ", "SASL_PASSWORD": " p "}
    assert read(BROKER="a", **variables).security == Security("SASL_PLAINTEXT", "PLAIN", "u", " p ")


def test_a_password_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    variables = {"BROKER": "a", "SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "u", "SASL_PASSWORD_FILE": str(path)}
    assert read(**variables).security.password == SECRET
    path.write_text("\n")
    with pytest.raises(CanaryError, match=r"\ACANARY_SASL_PASSWORD_FILE: .*password is empty; put the secret into it"):
        read(**variables)
    path.unlink()
    with pytest.raises(CanaryError, match=r"\ACANARY_SASL_PASSWORD_FILE: .*password cannot be read: no such file"):
        read(**variables)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    assert SECRET not in repr(read(BROKER="a", SASL_MECHANISM="PLAIN", **PASSWORD))
    (tmp_path / "a.yaml").write_text(f"broker: a\nsasl_password: [{SECRET}]\n")
    with pytest.raises(PolicyError, match="sasl_password: must be text, in quotes") as caught:
        read(tmp_path / "a.yaml")
    assert SECRET not in str(caught.value)


def test_every_field_has_a_name_to_set_it_by() -> None:
    own = {field.name for field in fields(Settings)} - {"brokers", "security"} | {"broker"}
    assert own <= set(NAMES)
    assert variable("log_level") == "CANARY_LOG_LEVEL"


def test_topics_have_different_names_and_settings_of_kafka() -> None:
    names = [topic.name("canary") for topic in TOPICS]
    assert len(set(names)) == len(names)
    assert "canary.telemetry" in names
    for topic in TOPICS:
        assert topic.config["cleanup.policy"] == topic.cleanup
        assert ("retention.ms" in topic.config) == (topic.cleanup == "delete"), topic.part
    assert TELEMETRY.config["message.timestamp.type"] == "LogAppendTime"
