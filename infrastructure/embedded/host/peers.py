"""Who is at the other end of a TCP connection on loopback: the kernel knows, and every user of the machine can connect.

Asked by netlink, some 20 µs whatever else is connected. Source: sock_diag(7), linux/inet_diag.h
"""

import socket
import struct

_NETLINK_SOCK_DIAG = 4
_BY_FAMILY, _REQUEST = 20, 1
_HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_QUESTION = struct.Struct("=BBBxI")
"""Of inet_diag_req_v2: family, protocol, extensions, states; the socket's id follows."""
_ANY_STATE = 0xFFFFFFFF
_ID = struct.Struct("!HH4s12x4s12x")
"""Of inet_diag_sockid: source and destination, ports first; interface and cookie follow."""
_ANY_SOCKET = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_USER_AT = _HEADER.size + 4 + 48 + 12
"""Of inet_diag_msg: behind four bytes, the socket's id, and three numbers."""


def user_of(connection: socket.socket) -> int | None:
    """The user who has the other end open; None when nobody has by now.

    `OSError` where the kernel does not tell.
    """
    try:
        here, there = connection.getsockname(), connection.getpeername()
    except OSError:  # the other end is gone
        return None
    ends = _ID.pack(there[1], here[1], socket.inet_aton(there[0]), socket.inet_aton(here[0]))
    body = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE) + ends + _ANY_SOCKET
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 0, 0) + body)
        answer = kernel.recv(4096)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        return None
    user, inode = struct.unpack_from("=II", answer, _USER_AT)
    return int(user) if inode else None  # a socket that nobody has open any more counts as root's
