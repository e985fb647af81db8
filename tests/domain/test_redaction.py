import base64
import json
import random
import string
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atmos_ai_sidecar.demo
from atmos_ai_sidecar.domain.redaction import Redactor, StreamRedactor, holds_placeholder, secret_values

DEMO = Path(atmos_ai_sidecar.demo.__file__).parent
LETTERS = string.ascii_letters + string.digits
RANDOM = random.Random(7)


def some(length: int, alphabet: str = LETTERS) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


def jwt() -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890","name":"x"}', b"signature-signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


SECRETS = {
    "aws access key": "AKIA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "aws session key": "ASIA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "github": "ghp_" + some(36),
    "github fine-grained": "github_pat_" + some(60),
    "gitlab": "glpat-" + some(20),
    "slack bot": "xoxb-" + some(24),
    "slack app": "xapp-1-" + some(24),
    "slack hook": "services/T" + some(8) + "/B" + some(8) + "/" + some(24),
    "anthropic": "sk-ant-api03-" + some(90),
    "openai project": "sk-proj-" + some(48),
    "openai": "sk-" + some(48),
    "google": "AIza" + some(35),
    "google oauth": "ya29." + some(60),
    "google client": "GOCSPX-" + some(28),
    "stripe": "sk_live_" + some(24),
    "npm": "npm_" + some(36),
    "pypi": "pypi-" + some(80),
    "vault": "hvs." + some(24),
    "terraform cloud": some(14) + ".atlasv1." + some(64),
    "sendgrid": "SG." + some(22) + "." + some(43),
    "jwt": jwt(),
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{some(64)}\n{some(64)}\n-----END RSA PRIVATE KEY-----",
}

NO_SECRETS = [
    "arn:aws:iam::123456789012:role/admin",
    "secret_arn = arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf",
    "account_id: 123456789012",
    "image: registry.example.com/a@sha256:" + "0f" * 32,
    "token: sha256:" + "0f" * 32,
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id = 123e4567-e89b-12d3-a456-426614174000",
    "token: 123e4567-e89b-12d3-a456-426614174000",
    "cidr_block: 10.20.0.0/16",
    "password: 10.20.0.0/16",
    "password = (sensitive value)",
    "password = var.master_password",
    "password: !env DB_PASSWORD",
    "password: ${DB_PASSWORD}",
    "password: {{ .settings.password }}",
    "secret_name: prod/Database-1",
    "token_ttl = 3600s-And-More-1",
    "password_file: /run/secrets/Pa55word",
    "private_key_path = ~/.ssh/id_Ed25519",
    "token: true",
    "password: correcthorse",
    "password: hunter",
    "The password is not in this file.",
    "https://user@example.com/path",
    "https://example.com:8443/path",
    "https://user:${PASSWORD}@example.com",
    "task-sk-short",
    "eyJ only",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "AKIA is a prefix",
]


PLACES = ("{}", "before {} after", 'x = "{}"', "https://hooks.slack.com/{}")
# A web hook's path is a secret behind Slack's address only.
PLACED = [
    (secret, text) for secret in SECRETS.values() for text in PLACES if "hooks" in text or "services/" not in secret[:9]
]


@pytest.mark.parametrize(("secret", "text"), PLACED)
def test_a_known_format_is_replaced_wherever_it_stands(secret: str, text: str) -> None:
    redacted = Redactor().redact(text.format(secret))
    assert secret not in redacted
    assert "<<secret:1>>" in redacted


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_infrastructure_is_talked_about_with_stays(text: str) -> None:
    assert Redactor().redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('password = "Hunter2Hunter2"', 'password = "<<secret:1>>"'),
        ("DB_PASSWORD=Tr0ub4dor&3x", "DB_PASSWORD=<<secret:1>>&3x"),
        ("api_key: 'aB3dE6gH9jK2'", "api_key: '<<secret:1>>'"),
        ('{"client_secret":"aB3dE6gH9jK2"}', '{"client_secret":"<<secret:1>>"}'),
        (r'{"a":"{\"token\":\"aB3dE6gH9jK2\"}"}', r'{"a":"{\"token\":\"<<secret:1>>\"}"}'),
        ("AccountKey=q1W2e3R4t5Y6==;x", "AccountKey=<<secret:1>>;x"),
        ('passphrase => "two Words 12"', 'passphrase => "<<secret:1>>"'),
        ("postgres://app:s3cret@db:5432/x", "postgres://app:<<secret:1>>@db:5432/x"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer <<secret:1>>"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB", "<<secret:1>>"),
    ],
)
def test_only_the_secret_itself_is_replaced(text: str, expected: str) -> None:
    assert Redactor().redact(text) == expected


def test_the_same_secret_has_the_same_placeholder_and_another_one_another() -> None:
    redactor = Redactor()
    first, second = SECRETS["github"], SECRETS["npm"]
    assert redactor.redact(f"{first} {second}") == "<<secret:1>> <<secret:2>>"
    assert redactor.redact(f"again {second} {first}") == "again <<secret:2>> <<secret:1>>"


def test_redacting_twice_changes_nothing_more() -> None:
    redactor = Redactor()
    text = "\n".join(f'token = "{secret}"' for secret in SECRETS.values())
    once = redactor.redact(text)
    assert redactor.redact(once) == once


def test_known_values_are_replaced_wherever_they_stand_the_longest_first() -> None:
    redactor = Redactor(["hunter2-hunter2", "hunter2-hunter2-long", "short"])
    assert redactor.redact("a hunter2-hunter2-long b hunter2-hunter2 short") == "a <<secret:1>> b <<secret:2>> short"


def test_secret_values_of_an_environment_are_known_by_their_names() -> None:
    environment = {
        "DB_PASSWORD": "plainwords",
        "GITHUB_TOKEN": "123e4567",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token-file",
        "SECRET_ARN": "arn:aws:iam::1:role/x",
        "API_KEY": "arn:aws:iam::1:role/x",
        "TOKEN": "short",
        "HOME": "/home/person",
        "MY_OWN": "named-explicitly",
    }
    assert set(secret_values(environment, ["MY_OWN"])) == {"plainwords", "123e4567", "named-explicitly"}


def test_every_string_of_a_json_value_is_redacted_and_names_of_fields_count() -> None:
    secret = SECRETS["github"]
    value = {"a": [secret, 1, None, True], "password": "aB3dE6gH9jK2", "password_hint": "aB3dE6gH9jK2", "b": {"c": "x"}}
    assert Redactor().redact_json(value) == {
        "a": ["<<secret:1>>", 1, None, True],
        "password": "<<secret:2>>",
        "password_hint": "<<secret:2>>",
        "b": {"c": "x"},
    }


def test_a_placeholder_is_found_anywhere_in_a_json_value() -> None:
    assert holds_placeholder({"a": [{"b": "x <<secret:12>> y"}]})
    assert holds_placeholder({"<<secret:1>>": 1})
    assert not holds_placeholder({"a": ["<<secret:x>>", 1, None]})


@settings(max_examples=50)
@given(st.data())
def test_a_secret_in_a_stream_is_found_however_the_stream_is_cut(data: st.DataObject) -> None:
    secret = data.draw(st.sampled_from(sorted(SECRETS.values())).filter(lambda text: not text.startswith("services/")))
    text = f"one line\nsecret {secret} there\nlast words without an end"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    stream = StreamRedactor(Redactor().redact)
    pieces = [stream.feed(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join([*pieces, stream.finish()]) == "one line\nsecret <<secret:1>> there\nlast words without an end"


def test_a_private_key_in_a_stream_is_held_back_until_its_last_line_is_whole() -> None:
    stream = StreamRedactor(Redactor().redact)
    assert stream.feed("a\n-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIV") == "a\n"
    assert stream.feed("ATE KEY-----\nb\n") == "<<secret:1>>\nb\n"


def test_a_stream_passes_whole_lines_on_at_once_and_holds_little_back() -> None:
    stream = StreamRedactor(Redactor().redact, limit=10)
    assert stream.feed("one\ntwo") == "one\n"
    assert stream.feed(" three") == ""
    assert stream.feed(" four") == "two three "
    assert stream.feed("x" * 20) == "four" + "x" * 20
    assert stream.finish() == ""


def test_the_demo_project_and_all_that_atmos_says_about_it_have_no_false_positive() -> None:
    redactor = Redactor()
    for path in (DEMO / "project").rglob("*"):
        if path.is_file() and path.suffix != ".planfile":
            text = path.read_text(encoding="utf-8")
            assert redactor.redact(text) == text, path
    for line in (DEMO / "recordings" / "cli.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        for text in (answer["stdout"], answer["stderr"]):
            assert redactor.redact(text) == text, answer["argv"]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----" * 30_000,
        "password" * 100_000,
        "password='" * 100_000,
        'password="' + "\\" * 1_000_000,
        "token   " * 100_000,
        "eyJaaaaaaaaaaaa." * 60_000,
        "://a:" * 200_000,
        "SG." * 300_000,
        "authorization:     " * 50_000,
        "x" * 1_000_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_made_to_be_slow_takes_no_quadratic_time(text: str) -> None:
    start = time.process_time()
    Redactor().redact(text)
    assert time.process_time() - start < 10  # quadratic would be minutes
