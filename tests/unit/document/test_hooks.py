"""Hooks files: what is read, and one helpful line for every mistake."""

from typing import Any

import pytest

from stream.document.hook_rules import doubts, fires_on
from stream.document.hooks import read_hooks
from stream.document.parse import parse_document
from stream.errors import PolicyError
from stream.hooks.rule import HookRule
from stream.quantity import Duration

URL = "https://deploy.example/revert"
HOOK: dict[str, Any] = {"name": "revert", "type": "webhook", "url": URL}
PAGE: dict[str, Any] = {"name": "page", "type": "command", "command": ["./page"]}
FULL = """\
allow_hosts: [deploy.example]
max_age: 5m
hooks:
  - name: revert
    type: webhook
    on: [abort, inconclusive]
    apps: checkout-*
    escalate: page
    dry_run: false
    timeout: 2s
    url: https://deploy.example/revert
    secret_file: secret
    hosts: [deploy.example, 10.0.0.0/8]
  - {name: page, type: command, command: [./page, --now]}
"""


def read(*hooks: Any, **more: Any) -> Any:
    return read_hooks({"allow_hosts": ["deploy.example"], "hooks": list(hooks), **more})


def test_a_whole_file() -> None:
    file = read_hooks(parse_document(FULL, "hooks.yaml"))
    assert file.hooks[0] == HookRule(
        "revert",
        "webhook",
        on=("abort", "inconclusive"),
        apps=("checkout-*",),
        escalate="page",
        dry_run=False,
        timeout=Duration(2_000),
        url=URL,
        secret_file="secret",
        hosts=("deploy.example", "10.0.0.0/8"),
    )
    assert file.max_age == Duration(300_000)
    assert file.hosts_of(file.hooks[0]) == ("deploy.example", "10.0.0.0/8")
    assert file.hosts_of(file.hooks[1]) == ("deploy.example",)


def test_a_hook_is_a_dry_run_for_aborts_of_all_apps_unless_it_says_else() -> None:
    file = read(HOOK)
    (rule,) = file.hooks
    assert rule.dry_run
    assert fires_on(rule) == "abort"
    assert [file.first(word, "any") != [] for word in ("abort", "promote", "inconclusive", "continue")] == [
        True,
        False,
        False,
        False,
    ]


def test_which_hooks_fire_by_themselves() -> None:
    file = read(
        {**HOOK, "escalate": "page"},
        {**HOOK, "name": "other", "on": "promote", "apps": ["shop-*", "cart"], "escalate": "page"},
        PAGE,
    )
    assert [rule.name for rule in file.first("abort", "shop-1")] == ["revert"]
    assert [rule.name for rule in file.first("promote", "shop-1")] == ["other"]
    assert [rule.name for rule in file.first("promote", "cart")] == ["other"]
    assert file.first("promote", "Shop-1") == []
    assert file.first("inconclusive", "shop-1") == []
    assert file.find("page") is file.hooks[2]
    assert file.find("") is None


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "hooks: missing; the hooks"),
        ({"hooks": []}, "hooks: must be a list of 1 to 100 entries; got []"),
        ({"hook": [HOOK]}, 'hook: unknown field; did you mean "hooks"? known: hooks, allow_hosts, max_age'),
        ({"hooks": [HOOK], "dry_run": False}, "dry_run: unknown field; belongs to a hook, in `hooks`; known: hooks,"),
        ({"hooks": ["revert"]}, 'hooks[0]: must be a mapping of fields such as `name`; got "revert"'),
        ({"hooks": [{**HOOK, "uri": "x"}]}, 'hooks[0].uri: unknown field; here it is called "url"; known: name, type,'),
        ({"hooks": [{**HOOK, "app": "x"}]}, 'hooks[0].app: unknown field; here it is called "apps"; known:'),
        (
            {"hooks": [{**HOOK, "secret": "x"}]},
            'hooks[0].secret: unknown field; here it is called "secret_file"; known:',
        ),
        (
            {"hooks": [{**HOOK, "max_age": "1m"}]},
            "hooks[0].max_age: unknown field; belongs to the file, beside `hooks`;",
        ),
        ({"hooks": [{"type": "webhook", "url": URL}]}, "hooks[0].name: missing; letters, digits, `_` and `-`"),
        ({"hooks": [{**HOOK, "name": "a/b"}]}, 'hooks[0].name: must be letters, digits, `_` and `-`; got "a/b"'),
        ({"hooks": [{**HOOK, "name": "a.b"}]}, 'hooks[0].name: must be letters, digits, `_` and `-`; got "a.b"'),
        ({"hooks": [{**HOOK, "type": "slack"}]}, 'hooks[0].type: must be "command" or "webhook"; got "slack"'),
        ({"hooks": [{**HOOK, "on": "aborted"}]}, 'hooks[0].on[0]: must be "abort", "continue", "inconclusive" or'),
        ({"hooks": [{**HOOK, "on": []}]}, "hooks[0].on: must be a list of 1 or more entries; got []"),
        ({"hooks": [{**HOOK, "dry_run": "no"}]}, 'hooks[0].dry_run: must be true or false, without quotes; got "no"'),
        ({"hooks": [{**HOOK, "timeout": 5}]}, "hooks[0].timeout: a duration is a number and a unit, such as 10s, 5m"),
        ({"hooks": [{**HOOK, "timeout": "11m"}]}, "hooks[0].timeout: must be 100ms to 10m; got 11m"),
        ({"hooks": [HOOK], "max_age": "1s"}, "max_age: must be 1m to 7d; got 1s"),
    ],
)
def test_mistakes_of_form(document: dict[str, object], told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_hooks({"allow_hosts": ["deploy.example"], **document} if "hook" not in document else document)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        ([HOOK, HOOK], 'hooks[1].name: "revert" is already the name of hooks[0]'),
        ([{"name": "a", "type": "webhook"}], "hooks[0].url: missing; a webhook needs it"),
        ([{"name": "a", "type": "command"}], "hooks[0].command: missing; a command needs it"),
        ([{**PAGE, "url": URL}], "hooks[0].url: only a webhook has it; this is a command"),
        ([{**HOOK, "command": ["x"]}], "hooks[0].command: only a command has it; this is a webhook"),
        ([{**PAGE, "command": [""]}], "hooks[0].command: the first entry must name a program"),
        (
            [{**HOOK, "url": "https://me:password@deploy.example/"}],
            "hooks[0].url: must be http:// or https:// with a host, without user, password and fragment;"
            " secrets belong into `secret_file`",
        ),
        (
            [{**HOOK, "url": "https://other.example/"}],
            "hooks[0].url: host other.example is not allowed; add it to `allow_hosts`",
        ),
        (
            [{**HOOK, "hosts": "other.example"}],
            "hooks[0].url: host deploy.example is not allowed; add it to `hooks[0].hosts`",
        ),
        (
            [{**HOOK, "hosts": ["deploy.example:443"]}],
            "hooks[0].hosts[0]: must be a host's name without port, *.example.com, an address or a network such as"
            ' 10.0.0.0/8; got "deploy.example:443"',
        ),
        (
            [{**HOOK, "escalate": "pager"}, PAGE],
            'hooks[0].escalate: there is no hook "pager"; there are revert and page',
        ),
        ([{**HOOK, "escalate": "revert"}], "hooks[0].escalate: leads back to this hook; let one of them have none"),
        (
            [{**HOOK, "escalate": "page"}, {**PAGE, "escalate": "revert"}],
            "hooks[0].escalate: leads back to this hook; let one of them have none",
        ),
        (
            [{**HOOK, "escalate": "page"}, {**PAGE, "on": ["promote"]}],
            'hooks[1].on: has no effect, as this hook only follows "revert" when that fails; remove it',
        ),
        (
            [{**HOOK, "escalate": "page"}, {**PAGE, "apps": ["shop"]}],
            'hooks[1].apps: has no effect, as this hook only follows "revert" when that fails; remove it',
        ),
        (
            [{**HOOK, "secret_file": "whsec_c2VjcmV0"}],
            "hooks[0].secret_file: is the secret itself; put that into a file, and name the file here",
        ),
        ([{**HOOK, "on": ["abort", "abort"]}], "hooks[0].on: each at most once; got abort, abort"),
    ],
)
def test_mistakes_of_sense(hooks: list[dict[str, object]], told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(*hooks)
    assert str(caught.value) == told


def test_a_password_in_a_url_is_not_told() -> None:
    with pytest.raises(PolicyError) as caught:
        read({**HOOK, "url": "https://me:password@deploy.example/"})
    assert "me:" not in str(caught.value)


def test_a_loop_that_a_hook_leads_into_is_told_of_the_loop() -> None:
    b, c = ({**PAGE, "name": name, "escalate": other} for name, other in (("b", "c"), ("c", "b")))
    with pytest.raises(PolicyError, match=r"^hooks\[1\]\.escalate: leads back"):
        read({**HOOK, "escalate": "b"}, b, c)


def test_doubts() -> None:
    armed = {**HOOK, "dry_run": False}
    assert doubts(read({**armed, "secret_file": "s"})) == []
    assert doubts(read(PAGE)) == []
    assert doubts(read(armed)) == [
        "hooks[0].secret_file: without a secret the receiver cannot tell our calls from others'"
    ]
    assert doubts(read({**armed, "secret_file": "s", "url": "http://deploy.example/"})) == [
        "hooks[0].url: http is read, and can be changed, by everyone on the way; https is not"
    ]
    local = {**armed, "secret_file": "s", "hosts": ["localhost", "127.0.0.1"]}
    assert (
        doubts(read({**local, "url": "http://localhost:8080/"}, {**local, "name": "b", "url": "http://127.0.0.1/"}))
        == []
    )
    assert doubts(read({**armed, "secret_file": "s", "escalate": "page"}, PAGE)) == [
        'hooks[0].escalate: "page" is a dry run, so that nothing is called when this hook fails'
    ]
