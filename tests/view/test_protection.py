"""Who is refused: DNS rebinding, other sites, forged forms, paths; and what no answer lacks."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from view_server import Serve, Served, fill, served

from interplay.evaluate import Store
from interplay.view.protect import Guard, Refused

POSTS = ("/api/open", "/api/delete", "/api/explain", "/api/stop")
PAGES = ("/", "/listing", "/open?id=f00", "/events", "/nothing", "/api/delete")


def state(folder: Path) -> dict[str, str]:
    """All that is in a folder, by digest."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not path.name.endswith("-shm")
    }


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that may write, of a store with one function."""
    folder = tmp_path_factory.mktemp("served")
    fill(folder / "runs.db")
    with served(folder, write=True) as started:
        yield started


def nothing_was_made(one: Served) -> bool:
    """Whether no report was made that is kept; others may have been, before."""
    entries = one.view.library.listing().entries
    return one.view.reports.page(entries) is None and not one.view.reports._working


@pytest.fixture(autouse=True)
def forget(one: Served) -> None:
    one.view.reports._pages.clear()


def test_it_listens_on_this_machine_alone(one: Served) -> None:
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    for other in {told[4][0] for told in socket.getaddrinfo(socket.gethostname(), None)}:
        if not str(other).startswith("127."):
            with pytest.raises((ConnectionError, TimeoutError)):
                socket.create_connection((other, one.port), timeout=1).close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example:{port}",
        "evil.example@127.0.0.1:{port}",
        "0.0.0.0:{port}",
        "[::1]:{port}",
        "127.0.0.2:{port}",
        "",
        None,
    ],
)
def test_another_host_is_refused_whatever_else_is_right(one: Served, host: str | None) -> None:
    """DNS rebinding: the browser then takes their page for one of the same origin."""
    name = None if host is None else host.format(port=one.port)
    for path in ("/", "/events"):
        answer = one.ask("GET", path, {"Host": name})
        assert answer.status in (400, 421)
        assert one.token not in answer.text
        assert "film" not in answer.text
    headers = {**one.headers(), "Host": name, "Origin": f"http://{name}"}
    for path in POSTS:
        assert one.ask("POST", path, headers, b"{}").status in (400, 421)


def test_both_names_of_this_machine_are_answered(one: Served) -> None:
    for host in (f"127.0.0.1:{one.port}", f"localhost:{one.port}", f"LOCALHOST:{one.port}"):
        assert one.ask("GET", "/", {"Host": host}).status == 200


def test_two_hosts_are_refused(one: Served) -> None:
    request = (
        f"GET / HTTP/1.1\r\nHost: {one.host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as connection:
        connection.sendall(request.encode())
        assert connection.recv(100).split()[1] in (b"400", b"421")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=30))
def test_no_other_host_passes(host: str) -> None:
    guard = Guard(None, 8321, "secret", None)  # type: ignore[arg-type]
    if host.lower() in ("127.0.0.1:8321", "localhost:8321"):
        return
    with pytest.raises(Refused) as refused:
        guard.check("GET", Headers({"host": host}))
    assert refused.value.status == 421


def forged(one: Served, **changed: str | None) -> dict[str, str | None]:
    names = {name.lower().replace("-", "_"): name for name in one.headers()}
    return {**one.headers(), **{names[name]: value for name, value in changed.items()}}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),  # of a sandbox, such as that of our reports
        ({"origin": None}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "https://127.0.0.1:{port}"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),  # another port of this machine
        ({"sec_fetch_site": "none"}, 403),
        ({"x_interplay_token": None}, 403),
        ({"x_interplay_token": ""}, 403),
        ({"x_interplay_token": "guess"}, 403),
        ({"x_interplay_token": "gu\xe9ss"}, 403),
        ({"content_type": None}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
    ],
    ids=str,
)
def test_a_forged_request_is_refused_and_changes_nothing(
    one: Served, changed: dict[str, str | None], status: int
) -> None:
    before, (row,) = state(one.folder), one.rows()
    right = {name: value and value.format(port=one.port) for name, value in changed.items()}
    bodies: dict[str, Any] = {
        "/api/open": {"ids": [row["id"]]},
        "/api/delete": {"id": row["id"], "version": row["version"]},
        "/api/explain": {"model": "sentiment", "text": "so bad", "budget": "20"},
        "/api/stop": {"number": 1},
    }
    for path, body in bodies.items():
        answer = one.ask("POST", path, forged(one, **right), json.dumps(body).encode())
        assert answer.status == status
        assert set(answer.json) == {"error"}
    assert state(one.folder) == before
    assert one.started() == []
    assert nothing_was_made(one)


def test_a_form_of_another_site_as_a_browser_sends_it(one: Served) -> None:
    (row,) = one.rows()
    body = json.dumps({"id": row["id"], "version": row["version"]}) + "="
    headers: dict[str, str | None] = {
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Content-Type": "text/plain",
    }
    assert one.ask("POST", "/api/delete", headers, body.encode()).status == 403
    assert len(one.rows()) == 1


def test_an_older_browser_without_sec_fetch_is_told_by_origin_and_token(one: Served) -> None:
    assert one.ask("POST", "/api/stop", forged(one, sec_fetch_site=None), b"{}").status == 400
    assert one.get("/", Origin="http://evil.example").status == 403


def test_other_sites_can_link_and_do_no_more(one: Served) -> None:
    site = {"Sec-Fetch-Site": "cross-site"}
    linked = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert one.get("/", **site, **linked).status == 200
    for how in (
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ):
        for path in PAGES:
            assert one.get(path, **site, **how).status == 403
            assert one.get(path, **how, **{"Sec-Fetch-Site": "same-site"}).status == 403


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(one: Served, method: str) -> None:
    for path in ("/", *POSTS):
        answer = one.ask(method, path, {"Origin": "http://evil.example"})
        assert answer.status == 405
        assert answer.headers.get("access-control-allow-origin") is None


def test_get_changes_nothing(one: Served) -> None:
    before, (row,) = state(one.folder), one.rows()
    for path in (*PAGES, *POSTS, f"/open?id={row['id']}", f"/api/delete?id={row['id']}"):
        if path != "/events":
            one.get(path)
        one.ask("HEAD", path)
    assert state(one.folder) == before
    assert nothing_was_made(one)
    assert one.started() == []


def test_every_answer_has_its_headers_and_none_is_shared(one: Served) -> None:
    (row,) = one.rows()
    answers = [one.get(path) for path in PAGES if path != "/events"]
    answers += [one.ask("HEAD", "/events"), one.post("/api/stop", {}), one.ask("PUT", "/")]
    answers += [one.ask("GET", "/", {"Host": "evil.example"}), one.opened(row["id"])]
    for answer in answers:
        told = answer.headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["referrer-policy"] == "no-referrer"
        assert told["cross-origin-resource-policy"] == "same-origin"
        assert told["cache-control"] == "no-store"
        assert "default-src 'none'" in told["content-security-policy"]
        assert "frame-ancestors 'none'" in told["content-security-policy"]
        assert not [name for name in told if name.lower().startswith("access-control")]
        assert "set-cookie" not in told
        assert "server" not in told


def test_a_page_runs_its_own_script_alone(one: Served) -> None:
    first, second = one.get("/"), one.get("/")
    policies = [answer.headers["content-security-policy"] for answer in (first, second)]
    assert policies[0] != policies[1], "a nonce serves once"
    assert "unsafe" not in policies[0]
    assert "connect-src 'self'" in policies[0]
    assert first.headers["cross-origin-opener-policy"] == "same-origin"
    nonce = policies[0].split("'nonce-")[1].split("'")[0]
    assert first.text.count("<script") == first.text.count(f'<script nonce="{nonce}">') == 1
    assert first.text.count("<style") == first.text.count(f'<style nonce="{nonce}">') == 1
    assert " style=" not in first.text
    assert " onclick" not in first.text


def test_a_report_is_in_a_sandbox_of_another_origin(one: Served) -> None:
    (row,) = one.rows()
    report = one.opened(row["id"])
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy, "default-src 'none' is that of connections"
    assert one.token not in report.text
    assert "interplay-report" in report.text


def test_read_only_is_the_default(serve: Serve, tmp_path: Path) -> None:
    fill(tmp_path / "runs.db")
    one, before = serve(), state(tmp_path)
    (row,) = one.rows()
    for path, what in (
        ("/api/delete", {"id": row["id"], "version": row["version"]}),
        ("/api/explain", {"model": "sentiment", "text": "so bad", "budget": "20"}),
        ("/api/stop", {"number": 1}),
    ):
        answer = one.post(path, what)
        assert answer.status == 403
        assert "read-only: start `interplay view --write`" in answer.json["error"]
    assert one.opened(row["id"]).status == 200
    assert state(tmp_path) == before
    page = one.get("/").text
    assert "<textarea" not in page
    assert "<dialog" not in page
    assert 'class="delete"' not in page


def test_a_long_body_is_not_read(one: Served) -> None:
    long = b" " * (2**20 + 1)
    assert one.ask("POST", "/api/stop", one.headers(), long).status == 413
    headers = {**one.headers(), "Content-Length": "9" * 30}
    assert one.ask("POST", "/api/stop", headers, b"{}").status in (400, 413)


def test_a_long_body_in_chunks_is_not_read(one: Served) -> None:
    lines = [f"{name}: {value}" for name, value in one.headers().items()]
    head = "\r\n".join(
        ["POST /api/stop HTTP/1.1", f"Host: {one.host}", *lines, "Transfer-Encoding: chunked"]
    )
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            for _ in range(17):
                connection.sendall(chunk)
        except OSError:  # it was closed on us
            pass
        assert connection.recv(100).split()[1] == b"413"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_object_is_refused(one: Served, body: bytes) -> None:
    for path in POSTS:
        answer = one.ask("POST", path, one.headers(), body)
        assert answer.status == 400
        assert "not" in answer.json["error"]


@pytest.mark.parametrize(
    "ids",
    [
        [], None, "runs.db", [7], [None], ["../runs.db"], ["/etc/passwd"], ["runs.db"],
        ["f" + "0" * 24], ["r" + "0" * 24], [["f"]], ["\x00"], list("abcdefghi"),
    ],
    ids=str,
)  # fmt: skip
def test_things_are_named_by_ids_of_the_list_never_by_paths(one: Served, ids: Any) -> None:
    assert one.post("/api/open", {"ids": ids}).status in (400, 404)
    if isinstance(ids, list) and all(isinstance(name, str) for name in ids) and "\x00" not in ids:
        query = "&".join(f"id={name}" for name in ids)
        assert one.get(f"/open?{query}").status in (400, 404)
    wanted = ids[0] if isinstance(ids, list) and ids else ids
    assert one.post("/api/delete", {"id": wanted, "version": ""}).status in (400, 404)


@pytest.mark.parametrize("path", ["/../runs.db", "/runs.db", "/%2e%2e/runs.db", "//runs.db", "/."])
def test_no_file_is_served(one: Served, path: str) -> None:
    answer = one.get(path)
    assert answer.status == 404
    assert "There is no such page." in answer.text


def test_links_out_of_the_folder_are_not_followed(
    serve: Serve, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, plain_run: Any
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.json").write_text(json.dumps(plain_run))
    (tmp_path / "link.json").symlink_to(elsewhere / "secret.json")
    (tmp_path / "folder.json").symlink_to(elsewhere)
    (tmp_path / "real.json").write_text(json.dumps(plain_run))
    (tmp_path / "real.npz").symlink_to(elsewhere / "secret.json")
    os.mkfifo(tmp_path / "pipe.json")
    one = serve(write=True)
    assert [row["name"] for row in one.rows()] == ["real.json"]
    (row,) = one.rows()
    assert row["goes"] == "real.json"
    # one that becomes a link after it was listed is not followed either
    (tmp_path / "real.json").unlink()
    (tmp_path / "real.json").symlink_to(elsewhere / "secret.json")
    assert one.post("/api/open", {"ids": [row["id"]]}).status == 404
    what = {"id": row["id"], "version": row["version"]}
    assert one.post("/api/delete", what).status == 404
    assert (elsewhere / "secret.json").exists()


def test_an_error_shows_no_traceback(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    token = one.headers()

    def fail() -> None:
        raise RuntimeError("a secret of /home/somebody")

    monkeypatch.setattr(one.view.library, "listing", fail)
    answers = [one.get("/"), one.ask("POST", "/api/open", token, b'{"ids": ["f"]}')]
    for answer in answers:
        assert answer.status == 500
        assert "Something unexpected happened (RuntimeError)" in answer.text
        assert "Traceback" not in answer.text
        assert "secret" not in answer.text
        assert "app.py" not in answer.text


def test_too_many_pages_cannot_follow_the_runs(one: Served) -> None:
    import http.client

    opened = []
    try:
        for _ in range(16):
            connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=5)
            connection.request("GET", "/events", headers={"Host": one.host})
            answer = connection.getresponse()
            answer.readline()
            opened.append((connection, answer))
        answer_ = one.get("/events")
        assert answer_.status == 503
        assert "Too many pages follow the runs" in answer_.text
        assert one.get("/").status == 200
    finally:
        for connection, answer in opened:
            answer.close()
            connection.close()
    for _ in range(200):
        if not one.view._listeners:
            break
        time.sleep(0.02)
    assert one.view._listeners == 0, "who has left makes room"


def test_the_store_still_has_all(one: Served) -> None:
    (row,) = one.rows()
    wrong = {"id": row["id"], "version": row["version"] + "x"}
    answer = one.post("/api/delete", wrong)
    assert answer.status == 409
    assert "This has changed since it was shown" in answer.json["error"]
    with Store(one.folder / "runs.db", read_only=True) as store:
        assert store.count() == 32
