"""A server of a test's own, in threads that end with the test."""
import socket
import socketserver
import threading


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 200


def serve(handler, address=('127.0.0.1', 0), receive_buffer=None):
    """Takes connections from now on; gives the port. With a small buffer the kernel does not take all of a large message
    before it is read."""
    server = Server(address, handler, bind_and_activate=False)
    if receive_buffer:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    server.server_bind()
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
