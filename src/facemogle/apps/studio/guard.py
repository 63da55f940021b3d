"""Who is let in: hosts, origins, tokens, bodies of a bearable size; and the headers of every answer."""

from __future__ import annotations

import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facemogle.apps.studio.hosts import is_local
from facemogle.apps.studio.problems import answer

COOKIE, SESSION_SECONDS = "facemogle_session", 3600

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Access:
    """The token, and the cookies that stand for it where a browser cannot send one (pictures, events).

    token: None lets everyone in who reaches the server.
    """

    def __init__(self, token: str | None):
        self._token = None if token is None else token.encode()

    def new_session(self) -> str:
        """A cookie's value that is good for SESSION_SECONDS: when it ends, signed."""
        ends = str(int(time.time()) + SESSION_SECONDS)
        return f"{ends}.{self._signature(ends)}"

    def admits(self, headers: Headers, *, reads: bool) -> bool:
        """Whether a request has the token, or a cookie and only reads."""
        if self._token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token):
            return True
        return reads and self._is_session(_cookie(headers))

    def _is_session(self, value: str) -> bool:
        ends, _, signature = value.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._signature(ends).encode())
        return signed and int(ends) > time.time()

    def _signature(self, ends: str) -> str:
        return hmac.new(self._token or b"", ends.encode(), hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware; everything but the page's own files needs the token.

    local: only requests that call the server by a name of this machine are answered, for any page in the
    world can give its own name this machine's address. max_body: bytes.
    """

    def __init__(self, app: ASGIApp, *, access: Access, local: bool, max_body: int):
        self._app, self._access, self._local, self._max_body = app, access, local, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let through, one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent[name] = value
                sent.setdefault("Cache-Control", "no-store" if _is_api(scope) else "no-cache")
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is None and scope["method"] in ("POST", "PUT", "PATCH"):
            body = await _read(receive, self._max_body)
            if body is None:
                refusal = answer(413, f"the body is larger than {self._max_body} bytes")
            else:
                receive = _again(body, receive)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        if self._local and not is_local(_hostname(host)):
            return answer(421, f"this server is not called {host[:100]!r}; it answers to localhost alone")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return answer(403, "pages of other servers may not use this one")
        if _is_api(scope) and not self._access.admits(headers, reads=scope["method"] in ("GET", "HEAD")):
            told = {"WWW-Authenticate": "Bearer"}
            return answer(401, "send the studio's token: Authorization: Bearer TOKEN", headers=told)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            return answer(413, f"the body is larger than {self._max_body} bytes")
        return None


def _is_api(scope: Scope) -> bool:
    return scope["path"].startswith("/api/")


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None as soon as it is larger than `most`."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
