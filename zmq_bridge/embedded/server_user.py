"""Who an embedded server runs as. Postgres refuses to run as root, so root starts it as an unprivileged user.

No user is created and no permission of an existing directory is widened. When the unprivileged user could not reach
the program or the data (a checkout below a private home directory), the child keeps one capability, CAP_DAC_OVERRIDE,
and only then.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from zmq_bridge.embedded.errors import ServerRefused

CANDIDATES = ("postgres", "nobody")  # first that exists wins
OVERRIDE = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerUser:
    """An unprivileged user that root starts a server as."""

    uid: int
    gid: int
    needs_override: bool  # True: some directory on the way is closed to this user

    def command_prefix(self, death_signal: signal.Signals) -> list[str]:
        """The words before a command that make it run as this user, and die with the parent."""
        words = [_setpriv(), f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        words += OVERRIDE if self.needs_override else ()
        return [*words, f"--pdeathsig={death_signal.name.removeprefix('SIG')}"]


def server_user(data_dir: Path, reachable: tuple[Path, ...]) -> ServerUser | None:
    """Choose who a server runs as: None (this very user) unless we are root.

    Args:
        data_dir: the data's directory; when it exists already, its owner is kept.
        reachable: paths that the server must be able to reach.
    """
    if os.geteuid() != 0:
        return None
    entry = _owner(data_dir) or _first_candidate()
    closed = not all(_can_reach(path, entry.pw_uid, entry.pw_gid) for path in reachable)
    return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid, needs_override=closed)


def _owner(data_dir: Path) -> pwd.struct_passwd | None:
    if not data_dir.exists() or data_dir.stat().st_uid == 0:
        return None
    try:
        return pwd.getpwuid(data_dir.stat().st_uid)
    except KeyError:
        raise ServerRefused(
            f"{data_dir} belongs to user id {data_dir.stat().st_uid}, which has no name on this machine; "
            f"expected an existing user. Mend it with: chown -R nobody {data_dir}"
        ) from None


def _first_candidate() -> pwd.struct_passwd:
    for name in CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerRefused(
        f"running as root, and Postgres must not; expected one of the users {', '.join(CANDIDATES)} to exist, "
        "found none. Run as an ordinary user, or create one of them"
    )


def _can_reach(path: Path, uid: int, gid: int) -> bool:
    return all(_may_search(parent.stat(), uid, gid) for parent in path.absolute().parents if parent.exists())


def _may_search(status: os.stat_result, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _setpriv() -> str:
    found = shutil.which("setpriv")
    if found is None:
        raise ServerRefused(
            "running as root, and Postgres must not; expected the program setpriv (package util-linux) to start it as "
            "another user, found none. Install util-linux, run as an ordinary user, or set DATABASE_URL"
        )
    return found
