"""Certificates for test servers: a CA of their own and server certificates, good and bad, made with openssl."""

import functools
import os
import subprocess
import tempfile
from pathlib import Path

VARIANTS = ("good", "wronghost", "expired", "otherca")


def _openssl(directory, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=directory, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError("openssl %s: %s" % (" ".join(arguments), done.stdout.decode(errors="replace")))


def _authority(directory, name):
    _openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", "3650",
             "-subj", "/CN=Test CA " + name, "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", name + ".key", "-out", name + ".pem")


def _certificate(directory, name, authority, names, validity, usage="serverAuth"):
    (directory / (name + ".ext")).write_text(
        "subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=%s\n" % (names, usage))
    _openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-subj", "/CN=" + name,
             "-keyout", name + ".key", "-out", name + ".csr")
    # `openssl x509 -req` of OpenSSL 3.0 takes days from now only: `openssl ca` takes both ends of the validity.
    (directory / "index.txt").write_text("")
    (directory / "index.txt.attr").write_text("unique_subject = no\n")
    (directory / "ca.conf").write_text(
        "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n"
        "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    _openssl(directory, "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", authority + ".pem",
             "-keyfile", authority + ".key", "-startdate", validity[0], "-enddate", validity[1],
             "-extfile", name + ".ext", "-in", name + ".csr", "-out", name + ".pem")


def client(directory, name, authority="ca"):
    """(certificate, key) for a client of that common name; only this user can read the key."""
    _certificate(directory, name, authority, "DNS:" + name, ("20200101000000Z", "20490101000000Z"), "clientAuth")
    (directory / (name + ".key")).chmod(0o600)
    return directory / (name + ".pem"), directory / (name + ".key")


def make(directory):
    """Writes ca.pem and, for each variant, NAME.pem and NAME.key into the directory."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    here = "DNS:localhost,IP:127.0.0.1"
    valid = ("20200101000000Z", "20490101000000Z")
    _authority(directory, "ca")
    _authority(directory, "otherauthority")
    _certificate(directory, "good", "ca", here, valid)
    _certificate(directory, "wronghost", "ca", "DNS:mail.example.org", valid)
    _certificate(directory, "expired", "ca", here, ("20200101000000Z", "20210101000000Z"))
    _certificate(directory, "otherca", "otherauthority", here, valid)
    for path in directory.iterdir():
        path.chmod(0o644)
    return directory


@functools.lru_cache(maxsize=None)
def shared():
    """The certificates of this process: made once, in a directory that goes with it."""
    keep = tempfile.TemporaryDirectory(prefix="mm-certs-")
    os.chmod(keep.name, 0o755)
    shared.keep = keep
    return make(keep.name)
