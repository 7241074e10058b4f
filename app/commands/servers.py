"""A Dossier server as a command calls it: where it is, how it is reached, and what came of a call."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import orjson

from app.commands.parsers import ADDRESS
from app.errors import DossierError

_SECONDS = 60  # for the server to answer; it breaks off after 30 what takes long
_PATIENCE = 60  # seconds after its first failure, in which a call is made again
_FIRST_WAIT = 0.2  # seconds before that; each time twice as long …
_LONGEST_WAIT = 5  # … up to this
_MOST_BYTES = 16_000_000  # of an answer, as the server has it
_MESSAGE_LENGTH = 500
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1
_LOOK = 5  # seconds for the app to answer


class CallError(DossierError):
    """A call that the server refused, or that never came to an end.

    `unknown` says that what it should change may have been changed all the same; `code` is the server's for a refusal,
    and `retry_after` the seconds after which a call that changed nothing is worth another attempt.
    """

    def __init__(
        self, message: str, *, unknown: bool = False, code: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.unknown = unknown
        self.code = code
        self.retry_after = retry_after


class CutOffError(CallError):
    """A file that had begun to come, and ended in the middle."""


@dataclass(frozen=True, slots=True)
class Change:
    """A mutation: its field, what its payload is asked for, as `case { id }`, and the values of its input.

    One that has a name is made once within a week, whichever of a user's processes asks for it: what another one asked
    for before it was killed may still be on its way. With the name of a change that was made it is answered what came
    of that or, if its values are others, refused.
    """

    field: str
    selection: str
    values: Mapping[str, object]
    name: object = None

    @property
    def request_id(self) -> str:
        """An id to ask for it by, which is another one each time unless the change has a name."""
        if self.name is None:
            return secrets.token_urlsafe(16)
        named = orjson.dumps([self.field, self.name], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(named).hexdigest()

    @property
    def input_type(self) -> str:
        """The type of its input."""
        return f"{self.field[0].upper()}{self.field[1:]}Input"

    @property
    def noun(self) -> str:
        """The field of the payload that is asked for."""
        return self.selection.partition(" ")[0]

    @property
    def expected(self) -> type:
        """What the API has there: an object, a list of them or, of what is gone, an id."""
        if self.noun == "deletedId":
            return str
        return list if self.noun.endswith("s") else dict


class Server:
    """A server at an address, and the token to call it with. Nothing that is raised quotes the token.

    `unknown` says, when a call has raised, whether what it should change may have been changed all the same.
    """

    def __init__(self, address: str, token: str, wait: Callable[[float], None] = sleep) -> None:
        """Find out how the address is reached. Raises DossierError when it can't be, before anything is sent.

        `wait` waits so many seconds before a call is made again, and raises what is to end the call instead.
        """
        parts = _taken_apart(address)
        if not _TOKEN.fullmatch(token):
            raise DossierError("the token is not one: it has characters that no token has")
        self._token = token
        self._wait = wait
        self._seconds: float = _SECONDS
        self._patience: float = _PATIENCE
        self._has_answered = False
        self.unknown = True
        self.address = parts.geturl()
        proxy = _proxy(parts)
        self._through = f" through the proxy {proxy.shown} of {proxy.variable}" if proxy else ""
        try:
            self._http = httpx.Client(
                headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
                # A server may close a connection that is idle just when the next request is on its way.
                limits=httpx.Limits(keepalive_expiry=2),
                verify=_certificates(parts.scheme),
                # The environment is read here, where it can be said what is wrong with it.
                proxy=proxy.address if proxy else None,
                trust_env=False,
            )
        except (httpx.InvalidURL, ValueError, OSError):
            raise DossierError(f"{proxy.variable if proxy else '--url'}: this address can't be used") from None

    def app(self) -> str | None:
        """Look once whether the server's app is where servers have it; return its address, or None."""
        base, found, _ = self.address.rpartition("/graphql")
        address = f"{base}/app/"
        try:
            request = self._http.build_request("GET", address, headers={"Accept": "text/html"}, timeout=_LOOK)
            del request.headers["Authorization"]  # whoever answers there needn't know the token
            response = self._http.send(request, stream=True)
            response.close()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError):
            return None
        return address if found and response.status_code == httpx.codes.OK else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def hurry(self, seconds: float) -> None:
        """Let a call from now on wait so long for its answer, be made again for so long, and not be ended by `wait`."""
        self._seconds = self._patience = seconds
        self._wait = sleep

    def call(self, document: str, **variables: object) -> dict[str, Any]:
        """Return the `data` of the answer to a document. Raises CallError.

        Where it is not known what came of it, or it may go better a little later, the same is sent again; so a change
        needs a `requestId`. What has never answered is asked once: a wrong address is told at once.
        """
        end, wait, was_unknown = None, _FIRST_WAIT, False
        while True:
            self.unknown = True
            try:
                data = self._called(document, variables)
            except CallError as error:
                self.unknown = was_unknown = was_unknown or error.unknown
                end = end or monotonic() + self._patience
                pause = max(wait, min(error.retry_after or 0, _LONGEST_WAIT))
                again = self._has_answered and (error.unknown or error.retry_after is not None)
                if not again or monotonic() + pause > end:
                    raise
            else:
                self._has_answered = True
                return data
            self._wait(pause)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _called(self, document: str, variables: dict[str, object]) -> dict[str, Any]:
        return self._data(*self._exchange(document, variables))

    def _data(self, status: _Status, answer: dict[str, Any]) -> dict[str, Any]:
        faults = answer.get("errors")
        if not faults and isinstance(answer.get("data"), dict):
            data: dict[str, Any] = answer["data"]
            return data
        fault = faults[0] if isinstance(faults, list) and faults else None
        if not isinstance(fault, dict) or not isinstance(fault.get("extensions", {}), dict):
            raise self.no_dossier()
        message, code = str(fault.get("message")), fault.get("extensions", {}).get("code")
        if status.code == httpx.codes.UNAUTHORIZED:
            raise CallError("the server refuses the token; make a new one with 'dossier token'", code=code)
        hint = ""
        if status.code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
            hint = "; check --url, which ends in /graphql"
        if code == "GRAPHQL_VALIDATION_FAILED":
            hint = "; it is of another release than this command, so use the 'dossier' of its release"
        # It is sure that nothing was changed where the server said no before it ran anything.
        waits = status.code == httpx.codes.SERVICE_UNAVAILABLE and code == "UNAVAILABLE"
        waits = waits and status.retry_after is not None
        sure = waits or code == "DEADLINE_EXCEEDED"
        sure = sure or ("data" not in answer and status.code < httpx.codes.INTERNAL_SERVER_ERROR)
        raise CallError(
            f"the server refuses: {self._told(message)}{hint}",
            unknown=not sure,
            code=code if isinstance(code, str) else None,
            retry_after=status.retry_after if waits else None,
        )

    def change(self, field: str, selection: str, **values: object) -> Any:
        """Return what a mutation changed; see `changes`."""
        return self.changes([Change(field, selection, values)])[0]

    def changes(self, wanted: Sequence[Change]) -> list[Any]:
        """Make changes in one request, one after the other; return of each what it asked for. Raises CallError.

        Where one is refused, those behind it may have been made.
        """
        names = [f"input{place or ''}" for place in range(len(wanted))]
        types = ", ".join(f"${name}: {each.input_type}!" for name, each in zip(names, wanted, strict=True))
        fields = " ".join(
            f"{name}: {each.field}(input: ${name}) {{ {each.selection} replayed errors {{ code message }} }}"
            for name, each in zip(names, wanted, strict=True)
        )
        inputs = {name: {**each.values, "requestId": each.request_id} for name, each in zip(names, wanted, strict=True)}
        data = self.call(f"mutation ({types}) {{ {fields} }}", **inputs)
        return [self._changed(data.get(name), each) for name, each in zip(names, wanted, strict=True)]

    def _changed(self, payload: object, change: Change) -> Any:
        if isinstance(payload, dict):
            refusal = next(iter(payload.get("errors") or ()), None)
            if isinstance(refusal, dict):
                self.unknown = False
                message = self._told(str(refusal.get("message")))
                raise CallError(f"the server refuses: {message}", code=refusal.get("code"))
            changed = payload.get(change.noun)
            if isinstance(changed, change.expected) and (not isinstance(changed, list) or None not in changed):
                return changed
            if payload.get("replayed") is True:
                if change.noun.startswith("deleted"):
                    return changed
                message = "what was recorded is not found any more: it was deleted, or is no longer yours"
                raise CallError(message, unknown=True, code="NOT_FOUND")
        raise self.no_dossier()

    def pages(self, document: str, *path: str, **variables: object) -> Iterator[dict[str, Any]]:
        """Yield the nodes of a list, page by page; the document has `$after`, and the list is at this path in its data.

        Raises CallError, also where there is nothing at the path.
        """
        after = None
        while True:
            page: Any = self.call(document, after=after, **variables)
            for name in path:
                page = page.get(name) if isinstance(page, dict) else None
            if not isinstance(page, dict):
                raise CallError("what was to be read is not found: it was deleted, or is not yours", code="NOT_FOUND")
            yield from page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    def _exchange(self, document: str, variables: dict[str, object]) -> tuple[_Status, dict[str, Any]]:
        body = {"query": document, "variables": variables}
        seconds = self._seconds
        end = monotonic() + seconds
        received = bytearray()
        with self._telling(), self._http.stream("POST", self.address, json=body, timeout=seconds) as response:
            for part in response.iter_raw():
                received += part
                if len(received) > _MOST_BYTES:
                    raise self.no_dossier()
                if monotonic() > end:
                    raise httpx.ReadTimeout("the answer comes too slowly")
        return self._status(response), self._answer(response, received)

    @contextmanager
    def download(self, path: str, parameters: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """Yield the pieces of a file that the server has at a path, beside that of the endpoint.

        Once connected, the server has any time to begin and to go on: there are formats of which nothing is sent before
        all is written. Raises CallError and, while the pieces are iterated over, CutOffError when not all of them came.
        """
        address = self.address.rpartition("/graphql")[0] + path
        timeout = httpx.Timeout(self._seconds, read=None)
        with ExitStack() as opened:
            with self._telling():
                answering = self._http.stream("GET", address, params=dict(parameters), timeout=timeout)
                response = opened.enter_context(answering)
                if response.status_code != httpx.codes.OK:
                    self._data(self._status(response), self._answer(response, response.read()[:_MOST_BYTES]))
            if response.status_code != httpx.codes.OK or "content-disposition" not in response.headers:
                raise self.no_dossier()
            yield self._pieces(response)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx.HTTPError:
            message = f"{self._server} broke off in the middle of the file, for a reason that its log has"
            raise CutOffError(message, unknown=True) from None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Raise CallError for what went wrong on the way there or back."""
        try:
            yield
        except httpx.TimeoutException as error:
            sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            message = f"{self._server} does not answer within {self._seconds:g} seconds"
            raise CallError(message, unknown=sent, retry_after=None if sent else 0) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            sent = not isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.InvalidURL)
            hint = "is it running?"
            if isinstance(error.__cause__ and error.__cause__.__cause__, ssl.SSLError) or "SSL" in str(error):
                hint = "check --url: is it https that is spoken there, with a certificate that is known here?"
            reason = self._told(str(error)) or type(error).__name__
            message = f"{self._server} can't be reached: {reason}; {hint}"
            raise CallError(message, unknown=sent, retry_after=None if sent else 0) from None

    def _answer(self, response: httpx.Response, received: bytes | bytearray) -> dict[str, Any]:
        if response.is_redirect:
            target = self._told(response.headers.get("location", "").partition("?")[0])
            raise CallError(
                f"{self._server} sends elsewhere, to {target}; if that is right, give it as --url", unknown=True
            )
        try:
            answer = json.loads(bytes(received))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self.no_dossier()
        return answer

    def _status(self, response: httpx.Response) -> _Status:
        after = response.headers.get("retry-after", "")
        return _Status(response.status_code, int(after) if re.fullmatch(r"[0-9]{1,4}", after) else None)

    @property
    def _server(self) -> str:
        return f"the server at {self.address}{self._through}"

    def no_dossier(self) -> CallError:
        """Return what tells that something else than a Dossier server answers."""
        message = f"what answers at {self.address}{self._through} is no Dossier server; check --url"
        return CallError(message, unknown=True)

    def _told(self, text: str) -> str:
        """Return others' words as a message may quote them."""
        text = text.replace(self._token, "(the token)")
        return text if len(text) <= _MESSAGE_LENGTH else text[:_MESSAGE_LENGTH] + "…"


@dataclass(frozen=True, slots=True)
class _Status:
    code: int
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A proxy, and the variable that names it; `shown` is its address without name and password."""

    variable: str
    address: httpx.Proxy
    shown: str


def _taken_apart(address: str) -> SplitResult:
    """Return the parts of an address, with the path of the endpoint if it has none. Raises DossierError."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
        httpx.URL(address)
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-\[\]-~]+", address):
        raise DossierError(f"--url: expected an address such as {ADDRESS}")
    if "@" in parts.netloc:
        raise DossierError(
            "--url: an address with a name or a password in it is not taken; DOSSIER_TOKEN has the token"
        )
    if parts.query or parts.fragment or address.endswith(("?", "#")):
        raise DossierError(f"--url: expected an address without ? and #, such as {ADDRESS}")
    return parts if parts.path.strip("/") else parts._replace(path="/graphql")


def _certificates(scheme: str) -> ssl.SSLContext:
    """Return what other ends are judged by. Raises DossierError, naming the variables, when it can't be read."""
    if scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody is asked for a certificate
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)][:1]
        named += ["SSLKEYLOGFILE"] if os.environ.get("SSLKEYLOGFILE") else []
        reason = (error.strerror if isinstance(error, OSError) else None) or "it can't be used"
        raise DossierError(f"{' or '.join(named) or 'the certificates of authorities'}: {reason}") from None


def _proxy(parts: SplitResult) -> _Proxy | None:
    """Return the proxy that the environment has for an address. Raises DossierError, naming the variable.

    This machine is never asked through one: it would be told the token, and asks itself, not us.
    """
    host = (parts.hostname or "").rstrip(".")
    variable = next(filter(None, (_set(f"{parts.scheme}_proxy"), _set("all_proxy"))), None)
    if variable is None or _goes_around(host, parts.port) or _is_this_machine(host):
        return None
    address = os.environ[variable].strip()
    if "://" not in address:
        address = f"http://{address}"
    try:
        taken = urlsplit(address)
        usable = taken.scheme in {"http", "https"} and bool(taken.hostname)
        shown = f"{taken.scheme}://{taken.hostname}" + (f":{taken.port}" if taken.port else "")
        proxy = httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise DossierError(f"{variable}: expected the address of a proxy, such as http://proxy.example.org:3128")
    return _Proxy(variable, proxy, shown)


def _set(name: str) -> str | None:
    """Return which spelling of a variable is set, lower case before upper case; an empty one says none."""
    found = next((each for each in (name, name.upper()) if each in os.environ), None)
    if found == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
        return None  # a web server runs us, and whoever calls it chose the value
    return found if found and os.environ[found].strip() else None


def _goes_around(host: str, port: int | None) -> bool:
    """Return whether the environment excepts a host from proxies, by its name, a domain, its address or a network."""
    variable = _set("no_proxy")
    for entry in (os.environ[variable] if variable else "").lower().split(","):
        name = entry.strip().removeprefix("*").lstrip(".")
        if entry.strip() == "*" or name in {host, f"{host}:{port}"} or (name and host.endswith(f".{name}")):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False):
                return True
        except ValueError:
            continue
    return False


def _is_this_machine(host: str) -> bool:
    """Return whether a host is the one we run on, by all the addresses that its name has here."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        addresses = [ipaddress.ip_address(each) for each in found]
    except (OSError, ValueError):
        return False
    return all(_is_loopback(getattr(each, "ipv4_mapped", None) or each) for each in addresses)


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified
