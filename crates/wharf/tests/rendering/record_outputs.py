#!/usr/bin/env python3
"""Records what the real docker CLI (28.2.2) prints for answers that we choose:

    crates/wharf/tests/rendering/record_outputs.py

A stand-in for dockerd answers from `answers.json` on a socket of its own; the CLI's output goes to `outputs.txt`
(pipes) and `terminal-WIDTH.bytes` (pseudo-terminals). Unit tests in crates/wharf/src render the same answers.
"""
import fcntl, http.server, json, os, pty, socketserver, struct, subprocess, tempfile, termios, threading, time, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERS = json.load(open(os.path.join(HERE, "answers.json")))
# Ages are printed, so answers hold ages too: the present is what the recording says it was.
NOW = ANSWERS["now"]
SHIFT = int(time.time()) - NOW


def shifted(value):
    """Moves creation times, so that their ages are those of the answers."""
    if isinstance(value, list):
        return [shifted(item) for item in value]
    if isinstance(value, dict):
        return {key: item + SHIFT if key == "Created" and isinstance(item, int) and item > 0 else shifted(item)
                for key, item in value.items()}
    return value


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "local"

    def log_message(self, *_):
        pass

    def answer(self, value, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.50")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def route(self):
        path = urllib.parse.urlparse(self.path).path
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            self.rfile.read(size + 2)
            if size == 0:
                break
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = [part for part in path.split("/") if part and not part.startswith("v1.")]
        name = "/".join(parts)
        if name == "_ping":
            return self.answer(b"OK", "text/plain")
        if name == "images/json":
            return self.answer(shifted(ANSWERS["images"]))
        if name.endswith("/history"):
            return self.answer(shifted(ANSWERS["history"]))
        if name == "system/df":
            return self.answer(shifted(ANSWERS["df"]))
        if name in ("images/create", "images/load") or name.endswith("/push"):
            key = {"create": "pull", "load": "load", "push": "push"}[parts[-1]]
            return self.answer(b"".join(json.dumps(line).encode() + b"\r\n" for line in ANSWERS[key]))
        if name == "images/prune":
            return self.answer(ANSWERS["prune"])
        if name == "images/search":
            return self.answer(ANSWERS["search"])
        if self.command == "DELETE":
            return self.answer(ANSWERS["remove"])
        self.send_error(404)

    do_GET = do_POST = do_HEAD = do_DELETE = route


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


CASES = [
    ["images"], ["images", "-a"], ["images", "-q"], ["images", "--no-trunc"], ["images", "--no-trunc", "-q"],
    ["images", "--digests"], ["images", "--digests", "--no-trunc"], ["images", "--format", "json"],
    ["images", "--format", "{{json .}}"], ["images", "--format", "table"], ["images", "--format", "raw"],
    ["images", "-q", "--format", "raw"], ["images", "--format", "table -q", "-q"],
    ["images", "--format", "table {{.ID}}\\t{{.Repository}}\\t{{.Tag}}"],
    ["images", "--format", "{{.ID}}: {{.Repository}}"],
    ["images", "--format", "table {{.Repository}}\\t{{.Digest}}"],
    ["images", "--format", "{{.Repository}}@{{.Digest}} {{.CreatedSince}} {{.Size}} {{.VirtualSize}}"],
    ["images", "--format", "table {{.Repository | upper}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}"],
    ["images", "--format", "{{range $i := split .Repository \"/\"}}[{{$i}}]{{end}}{{if eq .Tag \"<none>\"}} dangling{{end}}"],
    ["images", "--format", "table {{.Nonsense}}"], ["images", "--format", "{{.ID"], ["images", "-q", "--format", "table {{.Tag}}"],
    ["images", "--format", "json", "-q"], ["images", "ls"],
    ["history", "x"], ["history", "--no-trunc", "x"], ["history", "-q", "x"], ["history", "-q", "--no-trunc", "x"],
    ["history", "-H=false", "x"], ["history", "--format", "json", "x"], ["history", "--format", "{{.ID}}|{{.Size}}|{{.Comment}}", "x"],
    ["history", "--format", "table {{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}", "x"], ["history", "--format", "json", "-H=false", "x"],
    ["system", "df"], ["system", "df", "-v"], ["system", "df", "--format", "json"],
    ["system", "df", "--format", "table {{.Type}}\\t{{.TotalCount}}\\t{{.Reclaimable}}"],
    ["system", "df", "--format", "{{.Type}} {{.Active}} {{.Size}}"], ["system", "df", "-v", "--format", "json"],
    ["system", "df", "-v", "--format", "{{range .Images}}{{.Repository}} {{.UniqueSize}};{{end}}"],
    ["system", "df", "-v", "--format", "table {{.Type}}"],
    ["search", "x"], ["search", "--no-trunc", "x"], ["search", "--format", "json", "x"],
    ["search", "--format", "table {{.Name}}\\t{{.IsAutomated}}\\t{{.IsOfficial}}", "x"],
    ["search", "--format", "{{.Name}}: {{.StarCount}}", "x"],
    ["pull", "web"], ["pull", "web:1.0"], ["pull", "-q", "web"], ["push", "web"], ["push", "-q", "web"], ["push", "127.0.0.1:5000/a/web:2"],
    ["load"], ["load", "-q"],
    ["rmi", "a"], ["rmi", "a", "b"], ["image", "prune", "-f"], ["image", "prune", "-f", "-a"], ["image", "prune"],
    ["image", "prune", "-a"], ["system", "prune"],
]


def environment(folder, socket):
    return {**os.environ, "DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": folder + "/config", "TZ": "UTC"}


def in_terminal(columns, arguments, env):
    """The bytes that a terminal of that width gets, as the program wrote them (without the terminal's own CR)."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    modes = termios.tcgetattr(follower)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(follower, termios.TCSANOW, modes)
    child = subprocess.Popen(["docker", *arguments], stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.STDOUT, env=env)
    os.close(follower)
    output = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    child.wait()
    return output


def main():
    with tempfile.TemporaryDirectory() as folder:
        socket = folder + "/engine.sock"
        server = Server(socket, Engine)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = environment(folder, socket)
        archive = open(folder + "/empty", "w+")
        with open(os.path.join(HERE, "outputs.txt"), "wb") as out:
            for case in CASES:
                result = subprocess.run(["docker", *case], stdin=archive, capture_output=True, env=env)
                out.write(b"===\t" + "\t".join(case).encode() + b"\nexit %d\n--- stdout\n" % result.returncode)
                out.write(result.stdout + b"--- stderr\n" + result.stderr)
        for columns in (80, 120):
            with open(os.path.join(HERE, f"terminal-{columns}.bytes"), "wb") as out:
                for case in (["pull", "web"], ["push", "web"]):
                    out.write(in_terminal(columns, case, env))
        server.shutdown()


main()
