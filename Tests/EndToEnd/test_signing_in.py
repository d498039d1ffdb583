"""Every way to sign in, against a real Dovecot where it has that way, else against servers of our own."""

import base64
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

from hostile import Hostile, inbox
from servers import certificates, scram
from servers.dovecot import Dovecot
from servers.scripted import CAPABILITIES
from support import EndToEnd, mirror as program, sample, wait_until

PASSWORD = Dovecot.PASSWORD


def script(path, text):
    """An executable shell script."""
    path = Path(path)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def alive(pid):
    try:
        return "State:\tZ" not in Path("/proc/%d/status" % pid).read_text()
    except OSError:
        return False


class SigningIn(EndToEnd):
    weight = 20

    def full(self, **options):
        server = self.dovecot(**options)
        sample(server, 3)
        return server

    def methods(self, server):
        """The mechanisms of the logins that Dovecot has logged for our connections."""
        return set(re.findall(r"imap-login: Info: Login: .*method=([A-Z0-9-]+).* TLS", server.log()))

    def assertSignedIn(self, server, mirror, method):
        self.synced(mirror)
        self.assertEqual(self.methods(server), {method}, server.log()[-1500:])


class Mechanisms(SigningIn):
    def test_each_password_mechanism(self):
        server = self.full(mechanisms="plain login cram-md5 scram-sha-1 scram-sha-256")
        for name in ("plain", "cram-md5", "scram-sha-1", "scram-sha-256"):
            with self.subTest(mechanism=name):
                (server.directory / "log").write_text("")
                mirror = self.mirror(server, name=name, auth=[name])
                self.assertSignedIn(server, mirror, name.upper())
                self.assertMirrored(mirror, server)

    def test_the_strongest_is_taken(self):
        for offered, taken in (("plain cram-md5 scram-sha-1 scram-sha-256", "SCRAM-SHA-256"),
                               ("plain cram-md5", "PLAIN")):
            with self.subTest(offered=offered):
                server = self.dovecot(mechanisms=offered)
                self.assertSignedIn(server, self.mirror(server, name=taken), taken)

    def test_cram_md5_with_a_wrong_password(self):
        server = self.dovecot(mechanisms="cram-md5")
        mirror = self.mirror(server)
        mirror.set_password("wrong horse")
        result = mirror.sync()
        self.assertIn("the server refused the login", self.assertOneLine(result, 1))
        self.assertNotIn("wrong horse", result.err)


class ClientCertificates(SigningIn):
    MORE = """
ssl_ca = <{ca}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
passdb {{
  driver = static
  mechanisms = external
  args = nopassword
}}
"""

    def setUp(self):
        super().setUp()
        self.keys = certificates.make(Path(self.directory) / "tls")

    def server(self):
        return self.dovecot(mechanisms="plain external", users=("user", "user2"),
                            more=self.MORE.format(ca=self.keys / "ca.pem"))

    def external(self, server, files, name, **account):
        return self.mirror(server, name=name, auth=["external"], password_file=None,
                           tls_client_certificate=files[0], tls_client_key=files[1], **account)

    def test_external_with_a_certificate(self):
        server = self.server()
        sample(server, 3)
        mirror = self.external(server, certificates.client(self.keys, "user"), "good")
        self.assertSignedIn(server, mirror, "EXTERNAL")
        self.assertMirrored(mirror, server)
        self.assertIn("with EXTERNAL", mirror.run("doctor").out)

    def test_the_certificate_of_another_user_opens_nothing(self):
        server = self.server()
        mirror = self.external(server, certificates.client(self.keys, "user2"), "other")
        self.assertIn("the server refused the login", self.assertOneLine(mirror.sync(), 1))
        self.assertEqual(mirror.mail(), {})

    def test_a_key_that_others_can_read_is_refused(self):
        server = self.server()
        files = certificates.client(self.keys, "user")
        files[1].chmod(0o644)
        line = self.assertOneLine(self.external(server, files, "open").sync(), 1)
        self.assertIn("tls_client_key %s can't be used: others can read or change it; chmod 600 %s" % (
            files[1], files[1]), line)

    def test_a_key_of_another_certificate_and_a_missing_file(self):
        server = self.server()
        one, two = certificates.client(self.keys, "user"), certificates.client(self.keys, "user2")
        line = self.assertOneLine(self.external(server, (one[0], two[1]), "mixed").sync(), 1)
        self.assertIn("tls_client_key", line)
        line = self.assertOneLine(self.external(server, ("/nowhere.pem", one[1]), "missing").sync(), 1)
        self.assertIn("tls_client_certificate /nowhere.pem can't be used", line)


class Introspection:
    """The token endpoint that Dovecot asks (RFC 7662): knows which tokens are good, and for whom."""

    def __init__(self):
        self.good, self.asked = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                token = urllib.parse.parse_qs(body).get("token", [""])[0]
                outer.asked.append(token)
                user = outer.good.get(token)
                answer = json.dumps({"active": True, "username": user} if user else {"active": False}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


class Tokens(SigningIn):
    def tokens(self, *tokens):
        """A token command that gives one token after the other, the last for ever, and counts its runs."""
        directory = Path(self.directory)
        (directory / "tokens").write_text("\n".join(tokens) + "\n")
        return script(directory / "token", """
cd %s; echo x >> runs; n=$(wc -l < runs); total=$(wc -l < tokens)
[ "$n" -le "$total" ] || n=$total
sed -n "${n}p" tokens
""" % directory)

    @property
    def runs(self):
        path = Path(self.directory) / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def server(self):
        self.endpoint = self.exits.enter_context(Introspection())
        configuration = Path(self.directory) / "oauth2.conf"
        configuration.write_text("introspection_mode = post\nintrospection_url = http://127.0.0.1:%d/introspect\n"
                                 "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
                                 % self.endpoint.port)
        configuration.chmod(0o644)
        os.chmod(self.directory, 0o755)
        server = self.dovecot(mechanisms="xoauth2 oauthbearer plain", more="""
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %s
}
""" % configuration)
        sample(server, 3)
        return server

    def account(self, server, command, name="mirror", **account):
        return self.mirror(server, name=name, password_file=None, oauth2={"token_command": [command]}, **account)

    def test_xoauth2_and_oauthbearer(self):
        server = self.server()
        self.endpoint.good["good.token-1"] = "user"
        for name, method in ((["xoauth2"], "XOAUTH2"), (["oauthbearer"], "OAUTHBEARER"), (None, "OAUTHBEARER")):
            with self.subTest(auth=name):
                (server.directory / "log").write_text("")
                mirror = self.account(server, self.tokens("good.token-1"), name=method + str(name is None), auth=name)
                self.assertSignedIn(server, mirror, method)
                self.assertMirrored(mirror, server)

    def test_V13_a_refused_token_is_replaced_at_once(self):
        server = self.server()
        self.endpoint.good["fresh.token"] = "user"
        for name in ("xoauth2", "oauthbearer"):
            with self.subTest(auth=name):
                (Path(self.directory) / "runs").unlink(missing_ok=True)
                mirror = self.account(server, self.tokens("stale.token", "fresh.token"), name=name, auth=[name],
                                      connections=1)
                self.synced(mirror)
                self.assertEqual(self.runs, 2, "the stale one, then a fresh one")
                self.assertMirrored(mirror, server)

    def test_V13_a_token_that_stays_refused_is_asked_for_twice_and_no_more(self):
        server = self.server()
        mirror = self.account(server, self.tokens("bad.token-1", "bad.token-2", "bad.token-3"))
        line = self.assertOneLine(mirror.sync(), 1)
        self.assertIn("the server refused the login", line)
        self.assertEqual(self.runs, 2)
        self.assertNotIn("bad.token", line)
        self.assertEqual(mirror.mail(), {})

    def test_a_command_that_prints_no_token(self):
        server = self.server()
        for name, text, message in (
                ("failing", "echo not.for.you; echo why not.for.you >&2; exit 3", "ended with exit status 3: why (secret)"),
                ("empty", "true", "the first line of its output is empty"),
                ("words", "echo two words", "the first line of its output is no access token")):
            with self.subTest(command=name):
                command = script(Path(self.directory) / name, text + "\n")
                line = self.assertOneLine(self.account(server, command, name="m" + name).sync(), 1)
                self.assertIn("oauth2.token_command %s: %s" % (command, message), line)
                self.assertNotIn("not.for.you", line)


class TokenExpiry(Hostile):
    def test_V13_a_token_that_expires_in_the_middle_of_a_sync(self):
        """The connection is cut and the token is void: a fresh one is fetched, and nothing is taken for gone."""
        server = self.serve(inbox(30), capabilities=CAPABILITIES.replace("PLAIN", "XOAUTH2"))
        directory, state = Path(self.directory), {"good": b"token-1", "cut": False, "refused": 0}
        command = script(directory / "token", "cd %s; echo x >> runs; echo token-$(wc -l < runs)\n" % directory)

        def authenticate(session, tag, words):
            self.assertEqual(words[0].upper(), b"XOAUTH2")
            match = re.fullmatch(b"user=user\x01auth=Bearer (.*)\x01\x01", base64.b64decode(words[1]))
            if match.group(1) == state["good"]:
                session.ok(tag, b"[CAPABILITY " + server.capabilities.encode() + b"] in")
                return True
            state["refused"] += 1
            session.raw(b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
            self.assertEqual(session._line(), b"", "the error is answered with an empty response")
            session.no(tag, b"[AUTHENTICATIONFAILED] expired: " + match.group(1))
            return True

        def fetched(session, number, message, items):
            if state["cut"] is False and message.uid == 7 and any(b"BODY" in item for item in items):
                state.update(cut=True, good=b"token-2")
                session.close()

        server.hooks["AUTHENTICATE"], server.fetched = authenticate, fetched
        mirror = self.mirror(server, password_file=None, oauth2={"token_command": [command]}, connections=1)
        result = mirror.sync(timeout=90)
        self.assertAlive(result)
        if result.status != 0:
            self.synced(mirror, timeout=90)
        self.assertTrue(state["cut"])
        self.assertGreaterEqual(state["refused"], 1)
        self.assertNotIn("token-1", result.err + result.out)
        self.assertHolds(mirror, server.mailboxes[0])
        self.assertEqual(mirror.quarantined(), [])
        self.assertEqual(server.failures, [])
        self.assertOnlyRead(server)


class Secrets(SigningIn):
    def test_each_source_of_a_password(self):
        server = self.full()
        secret = Path(self.directory) / "secret"
        secret.write_text(PASSWORD + "\nsecond line\n", encoding="utf-8")
        secret.chmod(0o600)
        for name, account, environment in (
                ("command", {"password_command": ["cat", secret]}, {}),
                ("file", {"password_file": secret}, {}),
                ("credential", {"password_credential": "secret"}, {"CREDENTIALS_DIRECTORY": self.directory}),
                ("env", {"password_env": "MM_TEST_SECRET"}, {"MM_TEST_SECRET": PASSWORD})):
            with self.subTest(source=name):
                mirror = self.mirror(server, name=name, **{"password_file": None, **account})
                self.synced(mirror, environment=environment)
                self.assertMirrored(mirror, server)

    def test_one_command_for_all_connections(self):
        server = self.full()
        command = script(Path(self.directory) / "pw", "cd %s; echo x >> runs; cat mirror/password\n" % self.directory)
        mirror = self.mirror(server, connections=4)
        mirror.account.pop("password_file")
        mirror.account["password_command"] = [command]
        mirror.write()
        self.synced(mirror)
        self.assertEqual((Path(self.directory) / "runs").read_text(), "x\n")

    def test_commands_that_fail_or_are_loud(self):
        server = self.dovecot()
        for name, text, message in (
                ("failing", "echo %s; echo no key for hunter2 >&2; exit 2", "ended with exit status 2: no key for hunter2"),
                ("loud", "yes hunter2 | head -c 3000000 >&2; exit 1", "ended with exit status 1"),
                ("killed", "kill -9 $$", "was ended by signal 9")):
            with self.subTest(command=name):
                command = script(Path(self.directory) / name, text.replace("%s", "'%s'" % "hunter3") + "\n")
                result = self.mirror(server, name="m" + name, password_file=None, password_command=[command]).sync()
                line = self.assertOneLine(result, 1)
                self.assertIn("password_command %s: %s" % (command, message), line)
                self.assertLess(len(line), 1000)
                self.assertNotIn("hunter3", line)

    def test_the_end_of_a_sync_ends_a_hanging_command(self):
        server = self.dovecot()
        command = script(Path(self.directory) / "hang",
                         "echo $$ > %s/pid; trap '' TERM; while :; do sleep 1; done\n" % self.directory)
        mirror = self.mirror(server, password_file=None, password_command=[command])
        pid = Path(self.directory) / "pid"
        stopped = []

        def stop(process):
            if not stopped and pid.exists() and pid.read_text().strip():
                process.send_signal(signal.SIGTERM)
                stopped.append(time.monotonic())

        result = mirror.sync(while_running=stop)
        self.assertTrue(stopped)
        self.assertLess(time.monotonic() - stopped[0], 5, "it waits for no helper")
        self.assertEqual(result.status, 1)
        wait_until(lambda: not alive(int(pid.read_text())), 5)

    def test_secrets_are_in_no_output_log_argument_or_file(self):
        server = self.full(mechanisms="plain")
        mirror = self.mirror(server)
        mirror.settings["log_level"] = "trace"
        mirror.write()
        hidden = [PASSWORD, base64.b64encode(("\0user\0" + PASSWORD).encode()).decode(),
                  base64.b64encode(PASSWORD.encode()).decode()]
        seen = []

        def look(process):
            try:
                seen.append(Path("/proc/%d/cmdline" % process.pid).read_bytes().decode(errors="replace"))
            except OSError:
                pass

        outputs = []
        for arguments in (("sync", "--verbose"), ("doctor",), ("status", "--json"), ("check",)):
            result = mirror.run(*arguments, while_running=look)
            outputs += [result.out, result.err]
        mirror.set_password(PASSWORD + "x")
        outputs.append(mirror.sync("--verbose").err)
        self.assertTrue(seen)
        for text in outputs + seen:
            for secret in hidden:
                self.assertNotIn(secret, text)
        for path in mirror.state.rglob("*"):
            if path.is_file():
                for secret in hidden:
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_no_core_dumps_and_no_reading_of_memory(self):
        """The limit is seen from outside, and so is PR_SET_DUMPABLE: the files of such a process in /proc are root's."""
        command = ["sleep", "20"]
        directory = Path(self.directory)
        mirror = self.mirror(name="core", port=1, tls="none", password_command=command)
        user = None
        if os.getuid() == 0:
            reachable = all(parent.stat().st_mode & 0o001 for parent in Path(program.binary()).resolve().parents)
            if not reachable or not all(parent.stat().st_mode & 0o001 for parent in directory.resolve().parents):
                self.skipTest("as root this needs a place that another user can reach")
            user = 65534
            for path in [directory, *directory.rglob("*")]:
                os.chown(path, user, user)
        process = subprocess.Popen(mirror.command("sync"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, user=user, start_new_session=True)
        try:
            place = Path("/proc/%d" % process.pid)
            wait_until(lambda: re.search(r"Max core file size +0 +0 ", (place / "limits").read_text()), 10)
            wait_until(lambda: place.joinpath("environ").stat().st_uid == 0, 5)
            self.assertIn("VmHWM", (place / "status").read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


class Tunnels(SigningIn):
    def account(self, words, name="mirror", **account):
        settings = {"host": None, "tls": None, "port": None, "tls_ca_file": None, "tunnel": words}
        return self.mirror(name=name, **{**settings, **account})

    def test_a_session_that_is_signed_in(self):
        server = self.full()
        # As root, imap takes a socket for inetd's and refuses it: pipes are between.
        words = "doveadm -c %s exec imap -u user" % server.configuration
        mirror = self.account(["sh", "-c", "cat | %s | cat" % words if os.getuid() == 0 else "exec " + words])
        result = self.synced(mirror)
        self.assertMirrored(mirror, server)
        server.append("INBOX", [(b"Subject: later\r\n\r\nx\r\n", [], None)])
        self.synced(mirror)
        self.assertMirrored(mirror, server)
        self.assertIn("tunnel sh -c", mirror.run("doctor").out)
        self.assertNotIn("Fatal", result.err)

    def test_a_login_and_starttls_through_it(self):
        server = self.full(mechanisms="scram-sha-256 plain")
        relay = Path(self.directory) / "relay.py"
        relay.write_text("""
import os, socket, sys, threading
one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while True:
        data = os.read(0, 65536)
        if not data:
            return one.shutdown(socket.SHUT_WR)
        one.sendall(data)
threading.Thread(target=up, daemon=True).start()
while True:
    data = one.recv(65536)
    if not data:
        break
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
""")
        words = ["python3", relay, str(server.imap)]
        for name, account in (("plain", {}), ("starttls", {"tls": "starttls", "host": "localhost",
                                                            "tls_ca_file": server.ca})):
            with self.subTest(tls=name):
                mirror = self.account(words, name=name, **account)
                mirror.set_password(PASSWORD)
                mirror.write()
                self.synced(mirror)
                self.assertMirrored(mirror, server)
        mirror = self.account(words, name="wrong", tls="starttls", host="127.0.0.9", tls_ca_file=server.ca)
        mirror.set_password(PASSWORD)
        mirror.write()
        self.assertIn("certificate is not for 127.0.0.9", self.assertOneLine(mirror.sync(), 1))

    def test_S15_a_tunnel_that_skips_starttls(self):
        command = script(Path(self.directory) / "preauth", "echo '* PREAUTH hello'; cat > %s/got\n" % self.directory)
        mirror = self.account([command], tls="starttls", host="localhost")
        self.assertIn("skips the login", self.assertOneLine(mirror.sync(), 1))
        self.assertEqual((Path(self.directory) / "got").read_bytes(), b"")

    def test_programs_that_do_not_start_or_end_at_once(self):
        line = self.assertOneLine(self.account(["/nonexistent/ssh", "x"], name="none").sync(), 1)
        self.assertIn("the tunnel /nonexistent/ssh can't be started: No such file or directory", line)
        command = script(Path(self.directory) / "dying", "printf 'no route \\033[31mto\\033[0m host\\n' >&2; exit 255\n")
        result = self.account([command], name="end").sync(timeout=60)
        self.assertEqual(result.status, 1)
        self.assertIn("tunnel %s: no route" % command, result.err)
        self.assertNotIn("\033", result.err)

    def test_a_loud_one_fills_no_log(self):
        command = script(Path(self.directory) / "loud", "yes trouble | head -n 100000 >&2; exit 1\n")
        result = self.account([command]).sync(timeout=60)
        self.assertEqual(result.status, 1)
        self.assertLess(len(result.err), 100_000)

    def test_it_ends_with_the_connection(self):
        """Also one that ignores the polite signal and the end of its input, with what it has started."""
        command = script(Path(self.directory) / "stubborn", """
trap '' TERM HUP PIPE
sh -c 'trap "" TERM; while :; do sleep 1; done' &
echo $$ $! >> %s/pids
ls -l /proc/$$/fd > %s/descriptors
echo '* PREAUTH [CAPABILITY IMAP4rev1] hello'
while :; do sleep 1; done
""" % (self.directory, self.directory))
        result = self.account([command], timeout="2s").sync(timeout=60)
        self.assertEqual(result.status, 1)
        pids = [int(word) for word in (Path(self.directory) / "pids").read_text().split()]
        self.assertGreaterEqual(len(pids), 2)
        for pid in pids:
            wait_until(lambda pid=pid: not alive(pid), 5)
        found = re.findall(r" (\d+) -> (\S+)", (Path(self.directory) / "descriptors").read_text())
        own = {place for number, place in found if int(number) <= 2}  # a shell keeps copies of them
        inherited = [(number, place) for number, place in found if place not in own and "stubborn" not in place]
        self.assertTrue(own)
        self.assertEqual(inherited, [], "descriptors of ours reached it")


class ChannelBinding(Hostile):
    """No server here has -PLUS: one that does, written from the RFCs."""

    def bound(self, types=("tls-server-end-point",), offered="SCRAM-SHA-256-PLUS SCRAM-SHA-256", wrong=False,
              stripped=False, tls12=False, iterations=scram.ITERATIONS, **options):
        shown = [word for word in offered.split() if not (stripped and word.endswith("-PLUS"))]
        words = CAPABILITIES.replace("AUTH=PLAIN", " ".join("AUTH=" + word for word in shown))
        server = self.serve(tls="implicit", capabilities=words, **options)
        server.results = []
        if tls12:
            usual = server.context

            def context():
                made = usual()
                made.maximum_version = ssl.TLSVersion.TLSv1_2
                return made

            server.context = context
        der = ssl.PEM_cert_to_DER_cert((server.certificates / "good.pem").read_text())
        data = {name: scram.end_point(der) for name in types}
        if wrong:
            data = {name: b"\0" * 32 for name in types}

        def authenticate(session, tag, words):
            name = words[0].decode().upper()
            steps = scram.exchange(
                base64.b64decode(words[1]), "user", PASSWORD, hash="sha1" if "SHA-1" in name else "sha256",
                bound=name.endswith("-PLUS"), bindings=data, offers_plus="-PLUS" in offered, iterations=iterations)
            try:
                message = next(steps)
                while True:
                    session.raw(b"+ " + base64.b64encode(message) + b"\r\n")
                    message = steps.send(base64.b64decode(session._line()))
            except StopIteration as end:
                server.results.append((name, base64.b64decode(words[1]).split(b",")[0].decode(), end.value))
                if end.value is None:
                    session.ok(tag, b"[CAPABILITY " + server.capabilities.encode() + b"] in")
                else:
                    session.no(tag, b"[AUTHENTICATIONFAILED] no")
            return True

        server.hooks["AUTHENTICATE"] = authenticate
        mirror = self.mirror(server, tls_ca_file=server.ca, host="localhost", connections=1)
        mirror.set_password(PASSWORD)
        mirror.write()
        return server, mirror

    def test_bound_to_the_certificate(self):
        for offered, name in (("SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"),
                              ("SCRAM-SHA-1-PLUS SCRAM-SHA-1", "SCRAM-SHA-1-PLUS")):
            for split in (None, 1):
                with self.subTest(offered=offered, split=split):
                    server, mirror = self.bound(offered=offered, tls12=True, split=split)
                    self.synced(mirror)
                    self.assertEqual(set(server.results), {(name, "p=tls-server-end-point", None)})
                    self.assertHolds(mirror, server.mailboxes[0])
                    shutil.rmtree(mirror.directory)

    def test_a_type_that_the_server_lacks_gives_way(self):
        server, mirror = self.bound()
        self.synced(mirror)
        self.assertEqual(server.results[0][1:], ("p=tls-exporter", "unsupported type tls-exporter"))
        self.assertEqual(server.results[1], ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point", None))
        self.assertHolds(mirror, server.mailboxes[0])

    def test_a_wrong_binding_is_refused_and_named(self):
        server, mirror = self.bound(wrong=True, tls12=True)
        line = self.assertOneLine(mirror.sync(), 1)
        self.assertIn("someone may be between", line)
        self.assertEqual(mirror.mail(), {})

    def test_a_stripped_offer_is_noticed_by_the_server(self):
        server, mirror = self.bound(stripped=True)
        line = self.assertOneLine(mirror.sync(), 1)
        self.assertIn("someone between has removed the offer", line)
        self.assertEqual(mirror.mail(), {})

    def test_a_server_without_it(self):
        server, mirror = self.bound(offered="SCRAM-SHA-256")
        self.synced(mirror)
        self.assertEqual(set(server.results), {("SCRAM-SHA-256", "y", None)})

    def test_many_iterations_hold_up_no_one(self):
        server, mirror = self.bound(offered="SCRAM-SHA-256", iterations=1_000_000)
        self.synced(mirror, timeout=60)
        self.assertEqual({result[2] for result in server.results}, {None})
        server, mirror = self.bound(offered="SCRAM-SHA-256", iterations=1_000_001)
        self.assertIn("1000001 iterations", mirror.sync().err)

    def test_bound_to_the_connection(self):
        """tls-exporter, whose value `openssl s_server` tells: Python's own TLS can't."""
        for wrong in (False, True):
            with self.subTest(wrong=wrong):
                result, line = self.exporter(wrong)
                if wrong:
                    self.assertEqual(result, "wrong binding")
                    self.assertIn("someone may be between", line)
                else:
                    self.assertIsNone(result, line)

    def exporter(self, wrong):
        """(what the server makes of the login, what the mirror says)."""
        keys = certificates.shared()
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", keys / "good.pem", "-key",
             keys / "good.key", "-tls1_3", "-naccept", "1", "-keymatexport", "EXPORTER-Channel-Binding",
             "-keymatexportlen", "32"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        def end():
            server.kill()
            server.wait()
            server.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                server.stdin.close()

        self.exits.callback(end)
        outcome = []

        def line():
            text = server.stdout.readline()
            if not text:
                raise EOFError
            return text.rstrip(b"\r\n")

        def say(text):
            # A line that begins with a letter may be a command to s_server.
            server.stdin.write(text + b"\r\n")
            server.stdin.flush()

        def serve():
            key = None
            while key is None:
                match = re.search(rb"Keying material: ([0-9A-F]+)", line())
                key = match and bytes.fromhex(match.group(1).decode())
            say(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256] ready")
            command = None
            while command is None:
                command = re.fullmatch(rb"(S\d+) AUTHENTICATE SCRAM-SHA-256-PLUS (\S+)", line())
            steps = scram.exchange(base64.b64decode(command.group(2)), "user", PASSWORD, bound=True,
                                   bindings={"tls-exporter": key[::-1] if wrong else key})
            try:
                message = next(steps)
                while True:
                    say(b"+ " + base64.b64encode(message))
                    message = steps.send(base64.b64decode(line()))
            except StopIteration as end:
                outcome.append(end.value)
            say(b"* BYE that is all\r\n" + command.group(1) + b" NO [UNAVAILABLE] that is all")

        def guarded():
            try:
                serve()
            except (EOFError, OSError, ValueError):
                outcome.append("ended early")

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        wait_until(lambda: self.listening(port), 10)
        mirror = self.mirror(type("Server", (), {"tls": "implicit", "imaps": port, "ca": str(keys / "ca.pem"),
                                                 "password": PASSWORD}), name="exporter%s" % wrong,
                             host="localhost", connections=1)
        result = mirror.sync(timeout=60)
        thread.join(10)
        return (outcome or ["nothing"])[0], result.err

    def listening(self, port):
        """Whether someone listens, without connecting: the server takes one connection only."""
        wanted = ":%04X" % port
        return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A"
                   for line in Path("/proc/net/tcp").read_text().splitlines()[1:])


class LoginTexts(Hostile):
    def test_S31_alerts_without_tls_are_marked(self):
        server = self.serve(tls="starttls", greeting=b"* OK [ALERT] call 555-EVIL \x1b[31mnow")
        mirror = self.mirror(server)
        result = self.synced(mirror)
        self.assertIn("an alert that came without TLS, so perhaps not from the server: call 555-EVIL", result.err)
        self.assertNotIn("\x1b", result.err)
        server = self.serve(tls="implicit", greeting=b"* OK [ALERT] maintenance at nine")
        result = self.synced(self.mirror(server, name="protected"))
        self.assertIn("the server's alert: maintenance at nine", result.err)
        self.assertNotIn("without TLS", result.err)

    def test_S27_a_server_that_repeats_the_password(self):
        password = "correct horse battery"
        for echo in (password.encode(), base64.b64encode(("\0user\0" + password).encode())):
            with self.subTest(echo=echo[:5]):
                server = self.serve(tls="implicit")
                server.hooks["AUTHENTICATE"] = lambda session, tag, words: (
                    session.line(tag + b" NO [ALERT] not " + echo + b" here"), True)[-1]
                mirror = self.mirror(server, name="echo%d" % len(echo))
                mirror.set_password(password)
                result = mirror.sync()
                self.assertEqual(result.status, 1)
                self.assertIn("(secret)", result.err)
                self.assertNotIn(echo.decode(), result.err)
                self.assertNotIn(echo.decode(), mirror.run("status").out)

    def test_names_are_the_same_before_and_after_utf8(self):
        """Yesterday the server sent modified UTF-7, today UTF-8: no mailbox and no folder is doubled."""
        from servers.model import Mailbox, Message, simple
        boxes = [inbox(), *(Mailbox(name, [Message(1, simple(number, "x"))]) for number, name in enumerate(
            (b"Entw&APw-rfe", b"A&-B", b"plain"), 1))]
        server = self.serve(*boxes)
        mirror = self.mirror(server)
        self.synced(mirror)
        folders = mirror.folders()
        self.assertEqual(len(folders), 4)
        for box, name in zip(boxes[1:], ("Entwürfe", "A&B", "plain")):
            box.name = name.encode()
            box.add(simple(50))
        server.capabilities += " UTF8=ACCEPT"
        server.quote = lambda name: b'"' + name + b'"'
        self.synced(mirror)
        self.assertTrue(server.asked("ENABLE"))
        self.assertEqual(mirror.folders(), folders)
        self.assertEqual(len(mirror.bodies()), 4 + 3 * 2)
        self.assertEqual(mirror.quarantined(), [])
        self.assertEqual(server.failures, [])
