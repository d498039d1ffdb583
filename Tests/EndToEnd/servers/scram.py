"""The server's side of SCRAM (RFC 5802, RFC 7677), with channel binding, written from the RFCs alone.

`exchange` is a generator: it yields what the server sends and gets what the client answers, and returns None for a
login or the reason for a refusal.
"""

import base64
import hashlib
import hmac
import re

ITERATIONS = 4096


def end_point(certificate):
    """tls-server-end-point (RFC 5929) of a certificate in DER form that is signed with SHA-256."""
    return hashlib.sha256(certificate).digest()


def exchange(first, user, password, hash="sha256", bound=False, bindings=None, offers_plus=False, iterations=ITERATIONS):
    """`bindings` are the types that the server has with their data; `offers_plus` what it believes to have offered."""
    bindings = bindings or {}
    match = re.fullmatch(rb"((n|y|p=([A-Za-z0-9.-]+)),(?:a=[^,]*)?,)(n=([^,]*),r=([^,]+))", first)
    if not match:
        return "unreadable first message %r" % first
    header, flag, kind, bare, name, nonce = match.groups()
    name = name.replace(b"=2C", b",").replace(b"=3D", b"=").decode()
    if bound != flag.startswith(b"p="):
        return "channel binding %r in the wrong mechanism" % flag
    salt, server_nonce = b"0123456789abcdef", nonce + b"serverpart"
    server_first = b"r=%s,s=%s,i=%d" % (server_nonce, base64.b64encode(salt), iterations)
    final = yield server_first

    def error(text):
        return b"e=" + text

    if flag == b"y" and offers_plus:
        yield error(b"server-does-support-channel-binding")
        return "downgrade"
    if kind and kind.decode() not in bindings:
        yield error(b"unsupported-channel-binding-type")
        return "unsupported type %s" % kind.decode()
    match = re.fullmatch(rb"(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)", final)
    if not match or match.group(3) != server_nonce:
        return "unreadable final message %r" % final
    expected = header + (bindings[kind.decode()] if kind else b"")
    if base64.b64decode(match.group(2)) != expected:
        yield error(b"channel-bindings-dont-match")
        return "wrong binding"
    salted = hashlib.pbkdf2_hmac(hash, password.encode(), salt, iterations)

    def mac(key, text):
        return hmac.new(key, text, hash).digest()

    message = bare + b"," + server_first + b"," + match.group(1)
    client_key = mac(salted, b"Client Key")
    signature = mac(hashlib.new(hash, client_key).digest(), message)
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    if name != user or proof != base64.b64decode(match.group(4)):
        return "wrong proof"
    yield b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message))
    return None
