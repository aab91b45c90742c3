"""Inside the machine: mounting the share in a client, and the faults that a network and a server can have.

All of it acts on the interfaces, servers and namespaces that ``guest/init`` made; every command has a limit.
"""

import contextlib
import subprocess
from pathlib import Path

SERVER = "10.77.0.254"
MOUNT = "/mnt/nas"
CLIENTS = Path("/tmp/clients")
PORTS = {"nfs4": 2049, "nfs3": 2049, "smb": 445}
# As the documents advise. With the default (a closed file is kept open for 1 s) four of eight workers hung in an open for good.
_OPTIONS = {
    "nfs4": ("nfs", f"{SERVER}:/", "vers=4.2,proto=tcp"),
    "nfs3": ("nfs", f"{SERVER}:/export", "vers=3,proto=tcp,mountproto=tcp"),
    "smb": ("cifs", f"//{SERVER}/nas", "username=spool,password=spool,uid=0,gid=0,closetimeo=0"),
}
# For the desk, whatever the clients have. NFS 3 knows neither leases nor delegations, so looking holds nobody up, and costs little: a judge
# by SMB took half of the machine. It has no caches, to see what is there now; the clients have the defaults, caches and all.
_DESK = ("nfs", f"{SERVER}:/export", "vers=3,proto=tcp,mountproto=tcp,lookupcache=none,actimeo=0")
LIMIT_S = 60


def run(*command, limit_s=LIMIT_S, check=True):
    """A command on the server; its output. Raises CalledProcessError with what it said."""
    done = subprocess.run(
        ["nsenter", "-t", "1", "-m", "-u", "-n", "--", *command], timeout=limit_s, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if check and done.returncode:
        raise OSError(f"{command}: {done.returncode}: {done.stdout}")
    return done.stdout


def inside(client, *command, limit_s=LIMIT_S, check=True):
    """A command in a client's namespaces."""
    own = [] if client == "desk" else ["-p"]
    enter = ["nsenter", "-t", holder(client), "-m", "-u", "-n", *own, "--"]
    return run(*enter, *command, limit_s=limit_s, check=check)


def holder(client):
    """A process id in that client's namespaces."""
    return (CLIENTS / client).read_text().strip()


def workers():
    """The clients on which workers run."""
    return sorted(path.name for path in CLIENTS.iterdir() if path.name != "desk")


def mount(client, protocol):
    """Mount the share in one client, in place of what is mounted there."""
    _mount(client, *_OPTIONS[protocol])


def mount_desk():
    """Mount it where the tests look and drop their files."""
    _mount("desk", *_DESK)


def _mount(client, kind, source, options):
    inside(client, "sh", "-c", f"while mountpoint -q {MOUNT}; do umount -l {MOUNT}; done")
    inside(client, "mount", "-t", kind, "-o", options, source, MOUNT)


@contextlib.contextmanager
def mounted(client, protocol, back):
    """This client has the share by another protocol for a while."""
    mount(client, protocol)
    try:
        yield
    finally:
        mount(client, back)


# -- faults


@contextlib.contextmanager
def cut(client):
    """The client's cable is out: what it asks never comes back."""
    run("ip", "link", "set", f"v{client}", "down")
    try:
        yield
    finally:
        run("ip", "link", "set", f"v{client}", "up")


@contextlib.contextmanager
def lost_replies(client, protocol):
    """The server hears the client and does what it asks; its answers are dropped."""
    rule = ["INPUT", "-p", "tcp", "--sport", str(PORTS[protocol]), "-m", "length", "--length", "60:65535",
            "-j", "DROP"]  # fmt: skip
    inside(client, "iptables-legacy", "-A", *rule)
    try:
        yield
    finally:
        inside(client, "iptables-legacy", "-D", *rule)


def restart_server(protocol):
    """The server forgets its connections, sessions and reply caches, as a reboot makes it do."""
    if protocol == "smb":
        run("sh", "-c", "pkill -9 -x smbd; sleep 0.5; smbd -D")
    else:
        run("sh", "-c", "rpc.nfsd 0; sleep 0.5; rpc.nfsd 8")
