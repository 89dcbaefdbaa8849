"""Servers on the loopback address that remote.py asks: nginx, moto's S3, and a hub with a content network of its own."""

import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process=None, seconds=30):
    """Until something listens there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} has ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


class Nginx:
    """The root over http and https, and the same files below other names, each with something that servers do."""

    def __init__(self, folder, root):
        self.folder = pathlib.Path(folder)
        self.root = root
        self.http, self.https, self.other = free_port(), free_port(), free_port()
        self.ca = self.folder / "ca.pem"
        self.log = self.folder / "access.log"

    def make_certificates(self):
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, cwd=self.folder, capture_output=True)

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority of a test",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "host.key",
                "-out", "host.csr", "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "host.pem", "-days", "2", "-extfile", "names")

    def configuration(self):
        password = subprocess.run(["openssl", "passwd", "-apr1", "pass-7f3"], check=True, capture_output=True, text=True)
        (self.folder / "users").write_text("user:" + password.stdout)
        root = self.root
        places = f"""
    location /listed/ {{ alias {root}/; autoindex on; }}
    location /whole/ {{ alias {root}/; max_ranges 0; }}
    location /slow/ {{ alias {root}/; limit_rate 600k; }}
    location /busy/ {{ alias {root}/; limit_req zone=busy burst=2 nodelay; limit_req_status 429; }}
    location /private/ {{ alias {root}/; auth_basic "models"; auth_basic_user_file {self.folder}/users; }}
    location /weak/ {{ alias {root}/; etag off; }}
    location /moved/ {{ rewrite ^/moved/(.*)$ http://127.0.0.1:{self.other}/$1 redirect; }}
    location /circle/ {{ rewrite ^/circle/(.*)$ /circle/$1 redirect; }}
"""
        return f"""
daemon off; worker_processes 2; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;
events {{}}
http {{
  log_format told '$server_port $request_method $uri $status $body_bytes_sent "$http_range" "$http_authorization" "$args"';
  access_log {self.log} told; sendfile on; keepalive_requests 100000;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  limit_req_zone $server_port zone=busy:1m rate=8r/s;
  types {{}} default_type application/octet-stream;
  server {{ listen 127.0.0.1:{self.http}; root {root}; {places} }}
  server {{ listen 127.0.0.1:{self.other}; root {root}; }}
  server {{
    listen 127.0.0.1:{self.https} ssl http2; root {root};
    ssl_certificate {self.folder}/host.pem; ssl_certificate_key {self.folder}/host.key;
    {places.replace("circle", "ring")}
    location /down/ {{ rewrite ^/down/(.*)$ http://127.0.0.1:{self.other}/$1 redirect; }}
  }}
}}
"""

    def __enter__(self):
        self.folder.mkdir()
        self.make_certificates()
        (self.folder / "nginx.conf").write_text(self.configuration())
        # Its workers read as somebody who may not look into every folder of the person who runs this.
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        self.process = subprocess.Popen(
            [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(self.folder / "nginx.conf"), *user],
            stderr=subprocess.DEVNULL)
        wait_for(self.https, self.process)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def requests(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


class Buckets:
    """moto's S3, which checks signatures once `protect` was called."""

    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process, 60)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def client(self, service, key="root-key", secret="root-secret"):
        import boto3

        return boto3.client(service, endpoint_url=self.endpoint, region_name="eu-west-3", aws_access_key_id=key,
                            aws_secret_access_key=secret)

    def put(self, bucket, prefix, folder, acl):
        store = self.client("s3")
        store.create_bucket(Bucket=bucket, ACL=acl, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        for path in sorted(pathlib.Path(folder).iterdir()):
            store.put_object(Bucket=bucket, Key=prefix + path.name, Body=path.read_bytes(), ACL=acl,
                             ChecksumAlgorithm="SHA256")

    def protect(self):
        """Keys of somebody who may read; from now on everybody needs some."""
        import urllib.request

        people = self.client("iam")
        people.create_user(UserName="reader")
        allowed = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket", "s3:HeadObject"], "Resource": "*"}]}
        people.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(allowed))
        key = people.create_access_key(UserName="reader")["AccessKey"]
        urllib.request.urlopen(urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST")).read()
        return key["AccessKeyId"], key["SecretAccessKey"]


class Hub:
    """The interface of the hub, which leads on to a content network on another port for large files."""

    token = "hf_secret_token_41c9"

    def __init__(self, repositories):
        #: (repository, revision) -> folder, and what is wrong with it
        self.repositories = repositories
        self.seen = []
        self.damages = set()
        self.page = 3

    def commit(self, repository):
        return hashlib.sha1(repository.encode()).hexdigest()

    def files(self, repository):
        folder = self.repositories[repository]
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            name = str(path.relative_to(folder))
            entry = {"type": "file", "path": name, "size": len(data),
                     "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
            if name.endswith(".safetensors"):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            yield entry

    def __enter__(self):
        self.port, self.network = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **fields):
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def give(self, data, tag):
                found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if not found:
                    return self.answer(200, data, ETag=tag)
                first, last = int(found[1]), min(int(found[2]), len(data) - 1)
                if first >= len(data):
                    return self.answer(416, Content_Range=f"bytes */{len(data)}")
                self.answer(206, data[first:last + 1], ETag=tag, Content_Range=f"bytes {first}-{last}/{len(data)}")

        class Endpoint(Handler):
            def do_GET(self):
                hub.seen.append((hub.port, self.path, self.headers.get("Authorization")))
                url = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(url.query)
                if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", url.path):
                    name = found[1]
                    if name == "org/gated" and self.headers.get("Authorization") != f"Bearer {hub.token}":
                        return self.answer(401, X_Error_Code="GatedRepo")
                    if name not in hub.repositories:
                        return self.answer(401, X_Error_Code="RepoNotFound")
                    if found[2] not in ("main", "v1", "refs%2Fpr%2F1", hub.commit(name)):
                        return self.answer(404, X_Error_Code="RevisionNotFound")
                    return self.answer(200, json.dumps({"sha": hub.commit(name), "siblings": []}).encode())
                if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([0-9a-f]{40})", url.path):
                    entries = list(hub.files(found[1]))
                    start = int(query.get("cursor", ["0"])[0])
                    fields = {}
                    if start + hub.page < len(entries):
                        fields["Link"] = (f'<{hub.endpoint}{url.path}?recursive=true&cursor={start + hub.page}>; '
                                          'rel="next"')
                    return self.answer(200, json.dumps(entries[start:start + hub.page]).encode(), **fields)
                if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", url.path):
                    name, file = found[1], urllib.parse.unquote(found[3])
                    path = hub.repositories[name] / file
                    if not path.is_file():
                        return self.answer(404, X_Error_Code="EntryNotFound")
                    if file.endswith(".safetensors"):
                        place = f"http://127.0.0.1:{hub.network}/{name}/{found[3]}?Signature=cdn-secret-{time.time_ns()}"
                        return self.answer(302, Location=place)
                    return self.give(path.read_bytes(), '"small"')
                self.answer(404)

            do_HEAD = do_GET

        class Network(Handler):
            def do_GET(self):
                hub.seen.append((hub.network, self.path, self.headers.get("Authorization")))
                url = urllib.parse.urlsplit(self.path)
                signed = int(url.query.rsplit("-", 1)[1])
                if "expiring" in url.path and time.time_ns() - signed > 50_000_000:
                    return self.answer(403)
                name = url.path.split("/")
                data = (hub.repositories["/".join(name[1:3])] / urllib.parse.unquote("/".join(name[3:]))).read_bytes()
                if "damaged" in url.path:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                self.give(data, f'"{len(data)}"')

        self.servers = []
        for port, handler in ((self.port, Endpoint), (self.network, Network)):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.servers.append(server)
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
